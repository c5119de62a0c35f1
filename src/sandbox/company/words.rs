//! The words people are made of: names in several scripts with their transliteration, departments, titles, phones.

/// A name part as it is written, and as it stands in a login name.
pub(super) type Word = (&'static str, &'static str);

/// Given names and family names of one language, which are combined with each other only.
pub(super) struct Language {
    /// Given names.
    pub(super) given: &'static [Word],
    /// Family names.
    pub(super) family: &'static [Word],
}

/// Names that need nothing but ASCII letters.
pub(super) const PLAIN: Language = Language {
    given: &[
        ("Ada", "ada"),
        ("Grace", "grace"),
        ("Alan", "alan"),
        ("Edith", "edith"),
        ("Claude", "claude"),
        ("Barbara", "barbara"),
        ("Dennis", "dennis"),
        ("Frances", "frances"),
        ("Ken", "ken"),
        ("Radia", "radia"),
        ("Tim", "tim"),
        ("Margaret", "margaret"),
    ],
    family: &[
        ("Vale", "vale"),
        ("Marsh", "marsh"),
        ("Holt", "holt"),
        ("Winter", "winter"),
        ("Archer", "archer"),
        ("Quill", "quill"),
        ("Sommer", "sommer"),
        ("Baker", "baker"),
        ("Lindt", "lindt"),
        ("Okafor", "okafor"),
        ("Rivers", "rivers"),
        ("Stone", "stone"),
        ("Hale", "hale"),
    ],
};

/// Names that a careless program breaks.
pub(super) const WORLD: &[Language] = &[
    Language {
        given: &[("José", "jose"), ("Zoë", "zoe"), ("Jürgen", "juergen"), ("Łukasz", "lukasz"), ("Çağla", "cagla")],
        family: &[
            ("Núñez", "nunez"),
            ("Müller", "mueller"),
            ("Ångström", "angstroem"),
            ("Żółć", "zolc"),
            ("Groß", "gross"),
        ],
    },
    Language {
        given: &[("Siobhán", "siobhan"), ("Niamh", "niamh"), ("Seán", "sean")],
        family: &[("O'Neil", "o'neil"), ("Ó Briain", "obriain"), ("D’Arcy", "d'arcy")],
    },
    Language {
        given: &[("小明", "xiaoming"), ("丽", "li"), ("偉", "wei")],
        family: &[("王", "wang"), ("欧阳", "ouyang"), ("陳", "chan")],
    },
    Language {
        given: &[("فاطمة", "fatima"), ("محمد", "mohammed"), ("ليلى", "layla")],
        family: &[("الحسن", "alhassan"), ("بن سالم", "binsalem"), ("خوري", "khoury")],
    },
    Language {
        given: &[("Ελένη", "eleni"), ("Γιώργος", "giorgos")],
        family: &[("Παπαδόπουλος", "papadopoulos"), ("Ωνάση", "onasi")],
    },
    Language {
        given: &[("Юлія", "yuliia"), ("Дмитрий", "dmitry"), ("Ђорђе", "djordje")],
        family: &[("Щербак", "shcherbak"), ("Йовановић", "jovanovic"), ("Ёлкина", "yolkina")],
    },
    Language {
        given: &[("प्रिया", "priya"), ("अर्जुन", "arjun")], family: &[("शर्मा", "sharma"), ("त्रिवेदी", "trivedi")]
    },
    Language {
        given: &[("さくら", "sakura"), ("健太", "kenta")],
        family: &[("渡邉", "watanabe"), ("髙橋", "takahashi")],
    },
    Language {
        given: &[("Wolfeschlegelsteinhausenbergerdorff", "wolfeschlegelsteinhausenbergerdorff")],
        family: &[("Featherstonehaugh-Cholmondeley de la Zouche", "featherstonehaugh-cholmondeley")],
    },
];

/// Departments as they should be written.
pub(super) const DEPARTMENTS: &[&str] = &["Care", "Sales", "Support", "Billing", "Customer Success"];

/// The same departments as they are written, typed by hand over twenty years and in four countries.
pub(super) const ODD_DEPARTMENTS: &[&str] =
    &[" care ", "CARE", "Ｓａｌｅｓ", "Customer Sucess", "Ventes", "Sales\u{a0}", "Facturación", "suport"];

/// Job titles.
pub(super) const TITLES: &[&str] = &["Agent", "Senior Agent", "Team Lead", "Supervisor", "Quality Analyst", "Trainee"];

/// Offices.
pub(super) const OFFICES: &[&str] = &["Berlin", "Dublin", "Manila", "Lisboa", "Kraków"];

/// Phone numbers, `{}` being four digits. They are free text in the directory.
pub(super) const ODD_PHONES: &[&str] = &[
    "+49 (30) 9013-{}",
    "030 9013 {}",
    "0049 30 9013{}",
    "+44 20 7946 {}",
    "tel:+1-202-555-{}",
    "+1 (202) 555-{} x12",
    "(202) 555 {}",
    "+353 1 799 {}",
    "{}",
    "n/a",
    "ask reception",
    "+999 123 {}",
    "+4930-ABC-{}",
    "+٤٩ ٣٠ ٩٠١٣ {}",
];
