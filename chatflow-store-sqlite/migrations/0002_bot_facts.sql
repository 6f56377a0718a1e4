-- Chatflow: what is true of a bot while it runs.
--
-- `usage` is in the stored form, which keeps decimals exact; null where nothing was used yet.
CREATE TABLE bot (
    id           TEXT NOT NULL PRIMARY KEY,
    paused_since INTEGER,
    usage        BLOB
) STRICT, WITHOUT ROWID;

-- Of a paused bot nothing automatic begins. So that what is held hides nothing and costs nothing
-- while others are listed, it stands outside the indexes of what is due: a timer has `held` 1, an
-- entry of the outbox `waiting` 1. Both are set when a bot is paused and when something is written
-- of a paused bot, and taken away when the pause is over.
--
-- So `waiting` is 1 of a message that is not the first of its dialog, what is held left out, and
-- of everything that is held. `kind` may be typing or tell too, beside call and patch.
ALTER TABLE timer ADD COLUMN held INTEGER NOT NULL DEFAULT 0;

DROP INDEX timer_due;

CREATE INDEX timer_due ON timer (due, dialog, name, generation)
    WHERE held = 0;
