//! How servers differ from the standard and from each other: one switch per habit, and the characters that combine them.
//!
//! Invariant: [`Manners::default`] is a conforming server; every other value of a switch is a habit seen at a real one.

use serde::{Deserialize, Serialize};

/// How a server answers `startIndex` and `count`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexPaging {
    /// As RFC 7644, 3.4.2.4 says.
    #[default]
    Served,
    /// 400 for `startIndex`; listings are paged by cursor whether asked or not.
    Refused,
    /// `startIndex` is ignored: always the first page, by cursor if the server has cursors.
    FirstPage,
}

/// What `totalResults` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Totals {
    /// How many there are.
    #[default]
    All,
    /// How many are on this page.
    OfPage,
    /// Nothing on pages of cursor type, where RFC 9865 allows it.
    NotWithCursors,
}

/// What happens to a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filters {
    /// The whole grammar.
    #[default]
    Full,
    /// `eq` joined by `and`; everything else is 400 `invalidFilter`.
    EqOnly,
    /// 501 for any.
    Refused,
    /// 200 with everything.
    Ignored,
    /// Any comparison of `meta.lastModified` is false.
    NoDates,
}

/// What discovery answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// What the server can do.
    #[default]
    Served,
    /// 404.
    Missing,
    /// 501.
    NotImplemented,
}

/// Which members a group shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// All, wherever the group is shown.
    #[default]
    All,
    /// None in listings, all in `GET /Groups/{id}`.
    NotInLists,
    /// The first so many, without a word about the others.
    Cut(usize),
    /// None at all.
    Never,
}

/// How `active` is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActiveForm {
    /// `true`, `false`.
    #[default]
    Boolean,
    /// `"True"`, `"False"`.
    Text,
    /// `1`, `0`.
    Number,
    /// Left out unless true.
    OmittedWhenDisabled,
}

/// Where the enterprise attributes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnterpriseForm {
    /// Under the URN of the extension.
    #[default]
    Urn,
    /// Under `EnterpriseUser`.
    Alias,
    /// Beside `userName`.
    TopLevel,
}

/// One switch per habit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manners {
    /// How `startIndex` and `count` are answered.
    pub index: IndexPaging,
    /// Whether `startIndex` counts from 0.
    pub zero_based: bool,
    /// Whether cursors are announced and served; else the parameter is ignored.
    pub cursors: bool,
    /// What `totalResults` says.
    pub totals: Totals,
    /// How many entries of the page before every later page repeats.
    pub overlap: usize,
    /// Whether a `startIndex` past the end is answered with the last page.
    pub beyond_end: bool,
    /// Whether the order changes from request to request.
    pub shuffled: bool,
    /// What happens to a filter.
    pub filters: Filters,
    /// Whether dates in filters are compared as text.
    pub text_dates: bool,
    /// Whether `sortBy` works; else it is ignored.
    pub sort: bool,
    /// Whether versions are told and `If-None-Match` is heeded.
    pub etags: bool,
    /// Whether `POST .search` works; else 501.
    pub search: bool,
    /// Whether `attributes` and `excludedAttributes` are heeded.
    pub selection: bool,
    /// What discovery answers.
    pub discovery: Discovery,
    /// Which members a group shows.
    pub members: Members,
    /// Whether members say whether they are users or groups.
    pub member_types: bool,
    /// Whether people in `members` are named by `userName` instead of id.
    pub members_by_user_name: bool,
    /// Whether users show their groups.
    pub user_groups: bool,
    /// How `active` is written.
    pub active: ActiveForm,
    /// Where the enterprise attributes are.
    pub enterprise: EnterpriseForm,
    /// Whether e-mail addresses are bare strings.
    pub plain_emails: bool,
    /// Whether numbers are strings.
    pub text_numbers: bool,
    /// Whether `Resources` is missing on a page without any.
    pub no_empty_resources: bool,
    /// Whether dates carry offsets, seven decimals, or no zone.
    pub odd_dates: bool,
    /// Whether `meta` lacks `created`, has an empty `location` and a number for a version.
    pub poor_meta: bool,
    /// Whether the status in an error body is a number.
    pub number_status: bool,
    /// Whether the media type is `application/json`.
    pub plain_json: bool,
    /// Whether names and URNs come in other case.
    pub mangled_case: bool,
    /// Whether ids contain a slash, a space and an at sign.
    pub odd_ids: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            index: IndexPaging::Served,
            zero_based: false,
            cursors: true,
            totals: Totals::All,
            overlap: 0,
            beyond_end: false,
            shuffled: false,
            filters: Filters::Full,
            text_dates: false,
            sort: true,
            etags: true,
            search: true,
            selection: true,
            discovery: Discovery::Served,
            members: Members::All,
            member_types: true,
            members_by_user_name: false,
            user_groups: true,
            active: ActiveForm::Boolean,
            enterprise: EnterpriseForm::Urn,
            plain_emails: false,
            text_numbers: false,
            no_empty_resources: false,
            odd_dates: false,
            poor_meta: false,
            number_status: false,
            plain_json: false,
            mangled_case: false,
            odd_ids: false,
        }
    }
}

/// A kind of server. All but [`Strict`](Self::Strict) and [`CursorOnly`](Self::CursorOnly) page by index alone, so that
/// no client steps around their habit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Character {
    /// Conforms to RFC 7643, RFC 7644 and RFC 9865.
    #[default]
    Strict,
    /// Careless with types: numbers, `active`, e-mails, dates, `meta`, error status, media type, extension name.
    Sloppy,
    /// Pages by cursor whether asked or not, ignores `startIndex`, tells no totals.
    CursorOnly,
    /// Answers every filter with everything.
    FilterIgnoring,
    /// Answers every filter on `meta.lastModified` with nobody.
    FilterNothing,
    /// Writes names and URNs in other case.
    CaseMangling,
    /// `totalResults` is the size of the page (WSO2).
    PageSizedTotals,
    /// Later pages repeat five entries of the page before (WSO2).
    OverlappingPages,
    /// Always the first page.
    IgnoresStartIndex,
    /// A `startIndex` past the end shows the last page (WSO2).
    BeyondEnd,
    /// `startIndex` counts from 0 (SimpleIdServer).
    ZeroBased,
    /// Listings show groups without members.
    MembersOmitted,
    /// Member lists end at 100 without a word (FusionAuth).
    MembersCut,
    /// Memberships are on users only.
    GroupsOnUsersOnly,
    /// People in member lists are named by `userName`.
    MembersByUserName,
    /// `active` is left out once somebody is disabled (Snipe-IT).
    ActiveOmittedWhenDisabled,
    /// 404 for discovery.
    NoDiscovery,
    /// Ids with a slash, a space and an at sign.
    OddIds,
    /// Dates in filters are compared as text.
    TextDates,
    /// The order changes from page to page.
    Shuffling,
}

impl Character {
    /// Its habits.
    #[must_use]
    pub fn manners(self) -> Manners {
        let strict = Manners::default();
        let indexed = Manners { cursors: false, ..Manners::default() };
        match self {
            Self::Strict => strict,
            Self::Sloppy => Manners {
                active: ActiveForm::Text,
                enterprise: EnterpriseForm::Alias,
                plain_emails: true,
                text_numbers: true,
                no_empty_resources: true,
                odd_dates: true,
                poor_meta: true,
                number_status: true,
                plain_json: true,
                etags: false,
                ..indexed
            },
            Self::CursorOnly => Manners { index: IndexPaging::FirstPage, totals: Totals::NotWithCursors, ..strict },
            Self::FilterIgnoring => Manners { filters: Filters::Ignored, ..indexed },
            Self::FilterNothing => Manners { filters: Filters::NoDates, ..indexed },
            Self::CaseMangling => Manners { mangled_case: true, ..indexed },
            Self::PageSizedTotals => Manners { totals: Totals::OfPage, ..indexed },
            Self::OverlappingPages => Manners { overlap: 5, ..indexed },
            Self::IgnoresStartIndex => Manners { index: IndexPaging::FirstPage, ..indexed },
            Self::BeyondEnd => Manners { beyond_end: true, ..indexed },
            Self::ZeroBased => Manners { zero_based: true, ..indexed },
            Self::MembersOmitted => Manners { members: Members::NotInLists, ..indexed },
            Self::MembersCut => Manners { members: Members::Cut(100), ..indexed },
            Self::GroupsOnUsersOnly => Manners { members: Members::Never, ..indexed },
            Self::MembersByUserName => Manners { members_by_user_name: true, member_types: false, ..indexed },
            Self::ActiveOmittedWhenDisabled => Manners { active: ActiveForm::OmittedWhenDisabled, ..indexed },
            Self::NoDiscovery => Manners { discovery: Discovery::Missing, ..indexed },
            Self::OddIds => Manners { odd_ids: true, ..indexed },
            Self::TextDates => Manners { text_dates: true, ..indexed },
            Self::Shuffling => Manners { shuffled: true, ..indexed },
        }
    }
}
