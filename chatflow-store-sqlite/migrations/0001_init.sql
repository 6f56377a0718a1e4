-- Chatflow, schema 1.
--
-- Ids are 16 bytes, most significant first, so that byte order is id order. Moments are whole
-- milliseconds since 1970 in UTC. Bodies are in Chatflow's stored form: one version byte, then
-- MessagePack. Labels are the fixed ones of chatflow-core.
--
-- Tables with a body keep their rowid: rows then go to the end of the table, and a body spills
-- to overflow pages only beyond a page, not beyond a quarter of one.

CREATE TABLE chatflow_migration (
    version  INTEGER NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    checksum BLOB    NOT NULL
) STRICT;

-- Stored forms of configs under their hashes.
CREATE TABLE definition (
    hash BLOB NOT NULL PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

-- `blocked` is 1 where we block the contact; who and since when stands in the body.
CREATE TABLE contact (
    id       BLOB    NOT NULL PRIMARY KEY,
    space    TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    blocked  INTEGER NOT NULL,
    body     BLOB    NOT NULL
) STRICT;

-- Where an address leads today. A dialog's id follows from its first address and never changes.
CREATE TABLE address (
    bot         TEXT NOT NULL,
    channel     TEXT NOT NULL,
    external_id TEXT NOT NULL,
    dialog      BLOB NOT NULL,
    contact     BLOB NOT NULL,
    PRIMARY KEY (bot, channel, external_id)
) STRICT, WITHOUT ROWID;

-- The snapshot comes last: whoever wants only columns doesn't walk its overflow pages.
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

CREATE INDEX dialog_of_contact ON dialog (contact, id);

-- Dialogs that have not been told of their contact's newest row. A table of its own: a mark in
-- `dialog` would write the snapshot of each again.
CREATE TABLE lagging (
    dialog BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Keys of events seen, with the dialog's revision after each. A refused event's key can be here
-- before its dialog exists.
CREATE TABLE inbox (
    dialog   BLOB    NOT NULL,
    key      TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (dialog, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    dialog   BLOB    NOT NULL,
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (dialog, revision)
) STRICT;

-- `n` rises with every refusal of the store: order within a dialog is order of `n`.
CREATE TABLE refusal (
    n        INTEGER NOT NULL PRIMARY KEY,
    dialog   BLOB    NOT NULL,
    revision INTEGER NOT NULL,
    key      TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    event    BLOB    NOT NULL
) STRICT;

CREATE INDEX refusal_of_dialog ON refusal (dialog, n);

-- What the outside reported as the event with this key, as it came.
CREATE TABLE raw (
    dialog BLOB NOT NULL,
    key    TEXT NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (dialog, key)
) STRICT;

-- Reports of which nothing was made, in the order in which they came.
CREATE TABLE unclaimed (
    n       INTEGER NOT NULL PRIMARY KEY,
    channel TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    UNIQUE (channel, key)
) STRICT;

CREATE INDEX unclaimed_of_channel ON unclaimed (channel, n);

-- What a token of a bot's start links leads to.
CREATE TABLE source (
    bot   TEXT NOT NULL,
    token TEXT NOT NULL,
    body  BLOB NOT NULL,
    PRIMARY KEY (bot, token)
) STRICT;

-- The transcript. `n` is 0 for what came in, else the effect's.
CREATE TABLE message (
    dialog BLOB    NOT NULL,
    turn   INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    PRIMARY KEY (dialog, turn, n)
) STRICT;

-- The channel's own ids of messages, of both sides; of one message in the order of `place`. An
-- id stands with several messages where one is a new form of another: the latest counts.
CREATE TABLE external_id (
    dialog      BLOB    NOT NULL,
    external_id TEXT    NOT NULL,
    turn        INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    PRIMARY KEY (dialog, external_id, turn, n, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX external_id_of_message ON external_id (dialog, turn, n, place, external_id);

-- `kind` is send, edit or delete for what goes to the contact, in order with the dialog's other
-- messages; call and patch go beside them, with empty `channel` and `lane`.
--
-- `waiting` is 1 for a message behind an unsettled one of its dialog: at most one message of a
-- dialog has 0 and is not settled. So what is due can be listed without looking at the queues
-- behind. `part` is how many parts have arrived. `joined` is 1 for a broadcast that goes with a
-- reply behind it: its lane is the reply's then.
--
-- The body goes when it is sent or cancelled; the message's row stays. What has no such row keeps
-- its body, since the channel may still report that it was lost, and a person may send it again.
CREATE TABLE outbox (
    dialog    BLOB    NOT NULL,
    turn      INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    lane      TEXT    NOT NULL,
    joined    INTEGER NOT NULL,
    automatic INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    waiting   INTEGER NOT NULL,
    part      INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    taken_at  INTEGER,
    failure   TEXT,
    body      BLOB,
    PRIMARY KEY (dialog, turn, n)
) STRICT;

-- Channel and lane first: many entries of one hide none of another, and those that can't go now
-- are stepped over as one.
CREATE INDEX outbox_due ON outbox (channel, lane, due, dialog, turn, n)
    WHERE state = 'ready' AND waiting = 0;

CREATE INDEX outbox_unsettled ON outbox (dialog, turn, n)
    WHERE state IN ('ready', 'in_flight');

CREATE INDEX outbox_in_flight ON outbox (dialog, turn, n)
    WHERE state = 'in_flight';

-- For receipts that speak of all until a moment.
CREATE INDEX outbox_taken ON outbox (dialog, state, taken_at, turn, n)
    WHERE taken_at IS NOT NULL;

CREATE TABLE timer (
    dialog     BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    PRIMARY KEY (dialog, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX timer_due ON timer (due, dialog, name, generation);

-- How many dialogs of a bot show each status, kept by every commit.
CREATE TABLE counter (
    bot    TEXT    NOT NULL,
    status TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (bot, status)
) STRICT, WITHOUT ROWID;
