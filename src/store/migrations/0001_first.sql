-- Times are integer milliseconds since 1970-01-01T00:00:00Z. JSON columns hold the vocabulary of `model` as serde writes it.
-- A person is `source/immutable-id` wherever one column names one.

-- Says whose file this is, so that another program's database is never written to ("roll").
PRAGMA application_id = 1919904876;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Directories --------------------------------------------------------------------------------------------------------

CREATE TABLE source (
    name           TEXT PRIMARY KEY,
    cursor         TEXT,
    scope          TEXT,
    last_full      INTEGER,
    last_pull      INTEGER,
    established_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE directory_group (
    source TEXT NOT NULL REFERENCES source (name),
    id     TEXT NOT NULL,
    name   TEXT,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    source        TEXT NOT NULL REFERENCES source (name),
    id            TEXT NOT NULL,
    attributes    TEXT NOT NULL,
    standing      TEXT NOT NULL CHECK (standing IN
        ('active', 'disabled', 'soft_deleted', 'deleted', 'missing_unconfirmed', 'missing_confirmed')),
    unreadable    TEXT,
    missing_since INTEGER,
    missed        INTEGER NOT NULL DEFAULT 0,
    changed_at    INTEGER NOT NULL,
    changed_what  TEXT,
    -- Folded to lower case, for finding people by what humans call them.
    username      TEXT,
    mail          TEXT,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX person_username ON person (username) WHERE username IS NOT NULL;
CREATE INDEX person_mail ON person (mail) WHERE mail IS NOT NULL;
CREATE INDEX person_missing ON person (source, id) WHERE standing = 'missing_unconfirmed';
CREATE INDEX person_moved ON person (source, id) WHERE changed_what IS NOT NULL;

-- A member may be something that is no person (a device): hence no reference to `person`.
CREATE TABLE edge (
    source   TEXT NOT NULL REFERENCES source (name),
    member   TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (source, member, group_id)
) STRICT, WITHOUT ROWID;

-- Memory -------------------------------------------------------------------------------------------------------------

CREATE TABLE memory (
    person TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leaving (
    person TEXT PRIMARY KEY,
    since  INTEGER NOT NULL,
    reason TEXT
) STRICT, WITHOUT ROWID;

-- Ledger -------------------------------------------------------------------------------------------------------------

CREATE TABLE lease (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    fencing    INTEGER NOT NULL,
    holder     TEXT,
    since      INTEGER NOT NULL
) STRICT;

CREATE TABLE run (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    trigger     TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    summary     TEXT
) STRICT;

CREATE INDEX run_open ON run (seq) WHERE finished_at IS NULL;

CREATE TABLE change (
    run         TEXT NOT NULL REFERENCES run (id),
    seq         INTEGER NOT NULL,
    person      TEXT NOT NULL,
    body        TEXT NOT NULL,
    intended_at INTEGER,
    outcome     TEXT,
    settled_at  INTEGER,
    final       INTEGER NOT NULL DEFAULT 0 CHECK (final IN (0, 1)),
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX change_open ON change (run, seq) WHERE final = 0;

CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    person   TEXT,
    body     TEXT NOT NULL
) STRICT;

CREATE INDEX journal_person ON journal (person, seq) WHERE person IS NOT NULL;

CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE decision (
    person TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    digest  TEXT NOT NULL,
    message TEXT NOT NULL,
    run     TEXT NOT NULL REFERENCES run (id),
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE approval (
    digest TEXT PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Connect, as last seen ----------------------------------------------------------------------------------------------

CREATE TABLE inventory (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    at        INTEGER NOT NULL,
    instance  TEXT NOT NULL,
    catalogue TEXT NOT NULL
) STRICT;

CREATE TABLE connect_user (
    id   TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quick_connect (
    place INTEGER PRIMARY KEY,
    id    TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT;

CREATE TABLE own_write (
    connect_user TEXT PRIMARY KEY,
    at           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
