-- Chatflow, schema 3: the version of the flow in which a dialog stands.
--
-- The table is made anew, so that the snapshot still comes last. The program reads the versions of
-- the dialogs that are there from their snapshots, in the same transaction.

ALTER TABLE dialog RENAME TO dialog_before;

CREATE TABLE dialog (
    id                BLOB    NOT NULL PRIMARY KEY,
    bot               TEXT    NOT NULL,
    channel           TEXT    NOT NULL,
    external_id       TEXT    NOT NULL,
    contact           BLOB    NOT NULL,
    revision          INTEGER NOT NULL,
    status            TEXT    NOT NULL,
    label             TEXT,
    flow              TEXT,
    version           INTEGER,
    step              TEXT,
    assignee          TEXT,
    last_side         TEXT,
    needs_reply_since INTEGER,
    heard_at          INTEGER,
    last_at           INTEGER NOT NULL,
    fence             INTEGER NOT NULL,
    can_send          INTEGER NOT NULL,
    contact_revision  INTEGER NOT NULL,
    snapshot          BLOB    NOT NULL
) STRICT;

INSERT INTO dialog (id, bot, channel, external_id, contact, revision, status, label, flow, step,
    assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send, contact_revision,
    snapshot)
SELECT id, bot, channel, external_id, contact, revision, status, label, flow, step,
    assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send, contact_revision,
    snapshot
FROM dialog_before;

DROP TABLE dialog_before;

CREATE INDEX dialog_of_contact ON dialog (contact, id);

-- Pages of a version's dialogs by id, and counts of all places without touching the table.
CREATE INDEX dialog_standing ON dialog (bot, flow, version, id, step) WHERE flow IS NOT NULL;
