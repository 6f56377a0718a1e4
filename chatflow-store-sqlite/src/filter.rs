//! Filters as SQL: a condition with bound values, which says of each row what
//! [`Filter::matches`] says.

use chatflow_core::{Assignee, DialogId, DialogSummary, Filter, Line, Status, StatusKind};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::error::Failure;
use crate::query::{page, summaries_of, summary_columns};
use crate::rows::{self, assignee_label};

/// A condition on a row of `dialog`.
///
/// Every part of it is true or false and never null, so that NOT and OR mean what they say. Values
/// that may be null are compared beside a look at whether they are: the words of the indexes too.
#[derive(Debug, Default)]
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn of(filter: &Filter) -> Result<Self, Failure> {
        let mut condition = Self::default();
        condition.add(filter)?;
        Ok(condition)
    }

    fn add(&mut self, filter: &Filter) -> Result<(), Failure> {
        match filter {
            Filter::All(filters) => self.join(filters, " AND ", "1")?,
            Filter::Any(filters) => self.join(filters, " OR ", "0")?,
            Filter::Not(filter) => {
                self.sql.push_str("NOT (");
                self.add(filter)?;
                self.sql.push(')');
            }
            Filter::Dialog(dialog) => self.is("id", dialog.to_bytes().to_vec()),
            Filter::Space(space) => self.is("space", space.as_str().to_owned()),
            Filter::Bot(bot) => self.is("bot", bot.as_str().to_owned()),
            Filter::Status(status) => {
                self.is("status", StatusKind::label(status).to_owned());
            }
            Filter::Assignee(Assignee::Nobody) => self.sql.push_str("assignee IS NULL"),
            Filter::Assignee(assignee) => {
                let label = assignee_label(assignee).unwrap_or_default();
                self.is_there_and("assignee", label);
            }
            Filter::Handling(None) => self.sql.push_str("handling IS NULL"),
            Filter::Handling(Some(handling)) => {
                self.is_there_and("handling", handling.label().to_owned());
            }
            Filter::Queue(queue) => self.is_there_and("queue", queue.as_str().to_owned()),
            Filter::OfferedTo(operator) => {
                self.is_among("dialog_offer", operator.as_str().to_owned());
            }
            Filter::Participant(operator) => {
                self.is_among("participant", operator.as_str().to_owned());
            }
            Filter::Line(line) => self.is("line", i64::from(Line::number(*line))),
            Filter::NeedsReply => self
                .sql
                .push_str("(needs_reply_since IS NOT NULL AND acknowledged = 0)"),
            _ => {
                return Err(Failure::Misuse(
                    "this build of the store doesn't know that kind of filter",
                ));
            }
        }
        Ok(())
    }

    /// Halves in brackets: SQLite bounds how deep a condition may be, and a chain of many is as
    /// deep as it is long.
    fn join(&mut self, filters: &[Filter], word: &str, of_none: &str) -> Result<(), Failure> {
        match filters {
            [] => self.sql.push_str(of_none),
            [one] => self.add(one)?,
            many => {
                let (left, right) = many.split_at(many.len() / 2);
                self.sql.push('(');
                self.join(left, word, of_none)?;
                self.sql.push_str(word);
                self.join(right, word, of_none)?;
                self.sql.push(')');
            }
        }
        Ok(())
    }

    /// Of a column that is never null.
    fn is(&mut self, column: &str, value: impl Into<Value>) {
        self.sql.push_str(column);
        self.sql.push_str(" = ?");
        self.values.push(value.into());
    }

    /// Of a column that may be null.
    fn is_there_and(&mut self, column: &str, value: String) {
        self.sql.push('(');
        self.sql.push_str(column);
        self.sql.push_str(" IS NOT NULL AND ");
        self.is(column, value);
        self.sql.push(')');
    }

    /// Of a table of dialogs and operators.
    fn is_among(&mut self, table: &str, operator: String) {
        self.sql.push_str("id IN (SELECT dialog FROM ");
        self.sql.push_str(table);
        self.sql.push_str(" WHERE operator = ?)");
        self.values.push(operator.into());
    }
}

pub(crate) fn list(
    connection: &Connection,
    filter: &Filter,
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    let mut condition = Condition::of(filter)?;
    // No id is shorter than 16 bytes, so the empty one comes before all.
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    condition.values.push(after.into());
    condition.values.push(page(limit).into());
    // Not kept for the next time: hosts bring filters of any form, and they would push out the
    // store's own statements.
    let mut statement = connection.prepare(&list_sql(&condition.sql))?;
    let values = params_from_iter(condition.values);
    summaries_of(connection, &mut statement, values)
}

fn list_sql(condition: &str) -> String {
    let columns = summary_columns!();
    format!("{columns} WHERE {condition} AND id > ? ORDER BY id LIMIT ?")
}

pub(crate) fn count(connection: &Connection, filter: &Filter) -> Result<u64, Failure> {
    let condition = Condition::of(filter)?;
    let sql = format!("SELECT count(*) AS n FROM dialog WHERE {}", condition.sql);
    let mut statement = connection.prepare(&sql)?;
    statement.query_row(params_from_iter(condition.values), |row| {
        Ok(rows::number(row, "n"))
    })?
}

/// What a list by this filter asks, for the tests of its plan.
#[cfg(test)]
pub(crate) fn sql_of(filter: &Filter) -> String {
    list_sql(&Condition::of(filter).unwrap().sql)
}
