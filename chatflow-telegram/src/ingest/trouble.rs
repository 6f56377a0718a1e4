//! What a failed request means for listening.

use std::time::Duration;

use crate::transport::Failure;

/// What to do about a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The account is refused: somebody has to mend it.
    Refused,
    /// A webhook is set, so there is no polling.
    WebhookIsSet,
    /// Somebody else polls.
    OtherPoller,
    /// Try again, not before this time.
    Passing {
        /// How long Telegram wants us to wait.
        wait: Duration,
    },
}

impl Trouble {
    pub(crate) fn of(failure: &Failure) -> Self {
        let after = |seconds: Option<u64>| Self::Passing {
            wait: Duration::from_secs(seconds.unwrap_or(0)),
        };
        match failure {
            // Of a wrong token Telegram says 404, of a withdrawn one 401.
            Failure::Refused(refusal) => match refusal.code {
                401 | 404 => Self::Refused,
                409 if refusal.description.to_lowercase().contains("webhook") => Self::WebhookIsSet,
                409 => Self::OtherPoller,
                _ => after(refusal.retry_after),
            },
            Failure::NotTelegram { retry_after, .. } => after(*retry_after),
            Failure::NotSent { .. } | Failure::NoAnswer { .. } => after(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Refusal;

    fn refused(code: u16, description: &str, retry_after: Option<u64>) -> Trouble {
        Trouble::of(&Failure::Refused(Refusal {
            code,
            description: description.to_owned(),
            detail: description.to_owned(),
            retry_after,
            migrate_to: None,
        }))
    }

    #[test]
    fn every_failure_has_its_answer() {
        let passing = |seconds| Trouble::Passing {
            wait: Duration::from_secs(seconds),
        };
        for (trouble, expected) in [
            (refused(401, "Unauthorized", None), Trouble::Refused),
            (refused(404, "Not Found", None), Trouble::Refused),
            (
                refused(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
                    None,
                ),
                Trouble::WebhookIsSet,
            ),
            (
                refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                    None,
                ),
                Trouble::OtherPoller,
            ),
            (
                refused(429, "Too Many Requests: retry after 7", Some(7)),
                passing(7),
            ),
            (refused(500, "Internal Server Error", None), passing(0)),
            (refused(400, "Bad Request: novelty", None), passing(0)),
            (
                Trouble::of(&Failure::NotTelegram {
                    status: 502,
                    retry_after: Some(3),
                }),
                passing(3),
            ),
            // A proxy's page says nothing of the account.
            (
                Trouble::of(&Failure::NotTelegram {
                    status: 404,
                    retry_after: None,
                }),
                passing(0),
            ),
        ] {
            assert_eq!(trouble, expected);
        }
    }
}
