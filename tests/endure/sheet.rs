//! What holds, as a block that can be quoted.

/// Figures, and what does not hold.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    rows: Vec<(String, String)>,
    broken: Vec<String>,
}

impl Sheet {
    /// A figure.
    pub(crate) fn tell(&mut self, what: &str, figure: impl Into<String>) {
        self.rows.push((what.to_owned(), figure.into()));
    }

    /// A figure that must be right.
    pub(crate) fn must(&mut self, holds: bool, what: &str, figure: impl Into<String>) {
        let figure = figure.into();
        if !holds {
            self.broken.push(format!("{what}: {figure}"));
        }
        let mark = if holds { "" } else { "   ← DOES NOT HOLD" };
        self.tell(what, format!("{figure}{mark}"));
    }

    /// Says at once what must be so and is not.
    pub(crate) fn demand(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            let what = what.into();
            eprintln!("does not hold: {what}");
            self.broken.push(what);
        }
    }

    /// The block, and whether everything holds.
    pub(crate) fn close(self, title: &str) -> bool {
        println!("\n{title}");
        for (what, figure) in &self.rows {
            println!("  {what:<24} {figure}");
        }
        for what in &self.broken {
            println!("  DOES NOT HOLD: {what}");
        }
        self.broken.is_empty()
    }
}
