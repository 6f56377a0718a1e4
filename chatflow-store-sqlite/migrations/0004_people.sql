-- Chatflow, schema 4: operators, queues and sessions, and what lists by people need of a dialog.
--
-- The table is made anew, so that the snapshot still comes last. The program fills the columns of
-- dialogs that are there from their snapshots, in the same transaction, and with them the tables of
-- sessions, offers and participants. Of sessions before the last one, and of people who had a dialog
-- in progress before, earlier schemas kept nothing.
--
-- `space` is the contact's, as it was when the dialog was opened. `session` is the number of the open
-- session, and `handling` and `queue` are its own. `terms_queue` and `terms_revision` say of which
-- queue it knows the terms, `waits_queue` and `waits_since` in which it waits. `holder` is the
-- operator who has it in progress. `offered` is the number of rows that it has in `dialog_offer`.

ALTER TABLE dialog RENAME TO dialog_before;

CREATE TABLE dialog (
    id                BLOB    NOT NULL PRIMARY KEY,
    space             TEXT    NOT NULL,
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
    session           INTEGER,
    handling          TEXT,
    queue             TEXT,
    terms_queue       TEXT,
    terms_revision    INTEGER,
    waits_queue       TEXT,
    waits_since       INTEGER,
    holder            TEXT,
    offered           INTEGER NOT NULL DEFAULT 0,
    line              INTEGER NOT NULL DEFAULT 1,
    acknowledged      INTEGER NOT NULL DEFAULT 0,
    last_side         TEXT,
    needs_reply_since INTEGER,
    heard_at          INTEGER,
    last_at           INTEGER NOT NULL,
    fence             INTEGER NOT NULL,
    can_send          INTEGER NOT NULL,
    contact_revision  INTEGER NOT NULL,
    snapshot          BLOB    NOT NULL
) STRICT;

INSERT INTO dialog (id, space, bot, channel, external_id, contact, revision, status, label, flow,
    version, step, assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send,
    contact_revision, snapshot)
SELECT id, coalesce((SELECT c.space FROM contact c WHERE c.id = dialog_before.contact), ''), bot,
    channel, external_id, contact, revision, status, label, flow, version, step, assignee, last_side,
    needs_reply_since, heard_at, last_at, fence, can_send, contact_revision, snapshot
FROM dialog_before;

DROP TABLE dialog_before;

CREATE INDEX dialog_of_contact ON dialog (contact, id);

CREATE INDEX dialog_standing ON dialog (bot, flow, version, id, step) WHERE flow IS NOT NULL;

-- Pages of somebody's dialogs, and of a queue's, by id.
CREATE INDEX dialog_assigned ON dialog (assignee, handling, id) WHERE assignee IS NOT NULL;

CREATE INDEX dialog_of_queue ON dialog (queue, handling, id) WHERE queue IS NOT NULL;

-- The longest waiting first.
CREATE INDEX dialog_waiting ON dialog (space, waits_queue, waits_since, id)
    WHERE waits_queue IS NOT NULL;

-- What a new operator has in progress already.
CREATE INDEX dialog_held ON dialog (space, holder) WHERE holder IS NOT NULL;

-- To whom a dialog is offered.
CREATE TABLE dialog_offer (
    dialog   BLOB NOT NULL,
    operator TEXT NOT NULL,
    PRIMARY KEY (dialog, operator)
) STRICT, WITHOUT ROWID;

CREATE INDEX dialog_offer_of_operator ON dialog_offer (operator, dialog);

-- Who has a dialog in progress, or has had it.
CREATE TABLE participant (
    dialog   BLOB NOT NULL,
    operator TEXT NOT NULL,
    PRIMARY KEY (dialog, operator)
) STRICT, WITHOUT ROWID;

CREATE INDEX participant_of_operator ON participant (operator, dialog);

-- Episodes of a dialog. The last three are null of the open one: at most one of a dialog.
CREATE TABLE session (
    dialog         BLOB    NOT NULL,
    number         INTEGER NOT NULL,
    parent         INTEGER,
    handling       TEXT    NOT NULL,
    queue          TEXT,
    assignee       TEXT,
    opened_at      INTEGER NOT NULL,
    first_turn     INTEGER NOT NULL,
    completed_at   INTEGER,
    completed_turn INTEGER,
    cause          TEXT,
    PRIMARY KEY (dialog, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX session_open ON session (dialog) WHERE completed_at IS NULL;

-- `load` is how many dialogs of the space name him as their holder, kept by every commit. `missed`
-- is how many offers he has let run out. The rest stands in the body, `leaves_at` too.
CREATE TABLE operator (
    space     TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    revision  INTEGER NOT NULL,
    load      INTEGER NOT NULL,
    missed    INTEGER NOT NULL,
    leaves_at INTEGER,
    body      BLOB    NOT NULL,
    PRIMARY KEY (space, id)
) STRICT;

CREATE INDEX operator_leaving ON operator (leaves_at, space, id) WHERE leaves_at IS NOT NULL;

-- `stirred` is how often something has happened that may lead a waiting dialog to somebody, and
-- `distributed` how often it had when the queue was last distributed. `given` is how many dialogs it
-- has given. The members stand in the body, too.
CREATE TABLE queue (
    space       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    stirred     INTEGER NOT NULL,
    distributed INTEGER NOT NULL,
    given       INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (space, id)
) STRICT;

CREATE INDEX queue_due ON queue (space, id, stirred, distributed) WHERE stirred > distributed;

-- `given` is the queue's when the member was last given a dialog, 0 for never.
CREATE TABLE queue_member (
    space    TEXT    NOT NULL,
    queue    TEXT    NOT NULL,
    operator TEXT    NOT NULL,
    given    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, queue, operator)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_of_member ON queue_member (space, operator, queue);
