-- The console: who may look at its pages, and what was done there. Hashes only; neither token nor cookie can be made from them.

-- The one token; a new one voids it and all sessions.
CREATE TABLE console_token (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    hash    BLOB NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE console_session (
    hash     BLOB PRIMARY KEY,
    begun_at INTEGER NOT NULL,
    used_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what: `actor` names a session or an address, `about` a digest. No names of people.
CREATE TABLE console_audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    about  TEXT
) STRICT;

-- What a change that took place did to the person; NULL for everything else in the journal. Days are counted and listed by it.
ALTER TABLE journal ADD COLUMN fate TEXT;

UPDATE journal SET fate = CASE
        WHEN body -> '$.change.because.left' IS NOT NULL THEN 'leave'
        WHEN body -> '$.change.because.renamed' IS NOT NULL THEN 'rename'
        WHEN body -> '$.change.action.create' IS NOT NULL THEN 'join'
        WHEN body -> '$.change.because.adopted' IS NOT NULL THEN 'adopt'
        ELSE 'change'
    END
WHERE body ->> '$.kind' = 'change' AND body ->> '$.outcome.result' IN ('done', 'already_so');

CREATE INDEX journal_fate ON journal (fate, at, seq, person) WHERE fate IS NOT NULL;
CREATE INDEX journal_at ON journal (at, seq, person) WHERE fate IS NOT NULL;
-- Narrow beside the table, whose rows hold whole changes: pages are found in it without reading what stands before them.
CREATE INDEX change_page ON change (run, seq, person);
