-- People whose changes Connect refused: each has a clock of its own. The body is `model::Retry`.
CREATE TABLE retry (
    person TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What an administrator has taken back by `undo`, until the wish is another one. The body is `model::Undone`.
CREATE TABLE undone (
    person TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
