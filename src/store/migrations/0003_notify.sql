-- What each notifier has told so far, by its configured name. The body is `model::Book`.
CREATE TABLE notify (
    notifier TEXT PRIMARY KEY,
    body     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
