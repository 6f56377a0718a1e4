//! Neither logs nor errors say what must not be said, whatever goes wrong.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chatflow_core::{
    Action, Address, Channel, DialogId, EffectId, ExternalId, Mark, MarkKind, Media, MediaKind,
    MembershipChecker, Message, Outbound,
};
use chatflow_telegram::testing::{FakeTelegram, Fault, Settings, error_corpus};
use chatflow_telegram::{Telegram, TelegramConfig, TelegramMembership};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

const ANNA: i64 = 5_000_001;
const TEXT: &str = "My dog Rex bit the postman";
const PHONE: &str = "+436641234567";
const NAME: &str = "Annabella Musterfrau";
const CHOICE: &str = "Confess to the police";
const FILE: &str = "telegram:AgACsecretfileid";
const FILE_ID: &str = "AgACsecretfileid";
const LINK: &str = "https://clinic.example/anna?key=swordfish";

/// Everything that is written, to be read again.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<u8>>>);

impl Record {
    fn add(&self, line: &str) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Record {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn key() -> EffectId {
    EffectId {
        dialog: DialogId::from_bytes([7; 16]),
        turn: 1,
        n: 1,
    }
}

/// Messages, each with the texts in it.
fn messages() -> Vec<(Message, Vec<&'static str>)> {
    let photo = || Media::new(MediaKind::Photo, LINK).with_name(NAME);
    let text = || Message::new(TEXT);
    let marked = text().with_marks([Mark::new(0..2, MarkKind::Link(LINK.into()))]);
    let card = Media::contact_card(PHONE, NAME);
    let file = |reference| Message::media_of(Media::new(MediaKind::File, reference));
    vec![
        (marked.with_choices([CHOICE]), vec![TEXT, LINK, CHOICE]),
        (text().with_media(photo()), vec![TEXT, LINK]),
        (
            text().with_media(photo()).with_media(photo()),
            vec![TEXT, LINK],
        ),
        (Message::media_of(card), vec![PHONE, NAME]),
        (file(FILE), vec![FILE_ID]),
        (file("files/of/annabella.pdf"), vec![]),
    ]
}

async fn send(telegram: &Telegram, message: &Message, record: &Record) {
    let to = Address::new(telegram.id().clone(), ANNA.to_string());
    let part = Outbound {
        to: &to,
        message,
        quotes: None,
        key: key(),
        part: 0,
        attempt: 1,
    };
    show(record, &telegram.send(&part).await);
}

/// All that a program may do with the channel, each result shown in every way.
async fn use_all(telegram: &Telegram, record: &Record) {
    for (message, _) in messages() {
        send(telegram, &message, record).await;
    }
    let to = Address::new(telegram.id().clone(), ANNA.to_string());
    let id = ExternalId::from("1");
    let message = &messages().remove(0).0;
    let actions = [
        Action::Typing,
        Action::Edit { id: &id, message },
        Action::Delete { id: &id },
        Action::MarkRead { id: &id },
    ];
    for action in &actions {
        show(record, &telegram.act(&to, action).await);
    }
    let file = Media::new(MediaKind::File, FILE);
    show(record, &telegram.fetch(&file).await);
    let membership = TelegramMembership::new(telegram);
    let anna = ANNA.to_string();
    show(record, &membership.is_member(key(), "@news", &anna).await);
    record.add(&format!("{telegram:?} {membership:?}"));
}

fn show<T: std::fmt::Debug, E: std::error::Error>(record: &Record, result: &Result<T, E>) {
    record.add(&format!("{result:?} {result:#?}"));
    if let Err(error) = result {
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            record.add(&format!("{error} {error:?}"));
            cause = error.source();
        }
    }
}

fn faults() -> Vec<Fault> {
    let token = Settings::default().token;
    let mut faults = vec![
        Fault::api(
            400,
            &format!("Bad Request: tag \"{NAME}\" of '{TEXT}' at {LINK}"),
        ),
        Fault::api(404, &format!("Not Found: /bot{token}/sendMessage")),
        Fault::Html(502),
        Fault::Html(200),
        Fault::Empty(200),
        Fault::NotJson,
        Fault::CloseBeforeReading,
        Fault::CloseAfterActing,
        Fault::ServerError,
    ];
    faults.extend(error_corpus().iter().filter_map(|case| {
        let body: serde_json::Value = serde_json::from_str(&case.body).ok()?;
        Some(Fault::Api {
            code: case.status,
            description: body["description"].as_str()?.to_owned(),
            parameters: body.get("parameters").cloned(),
        })
    }));
    faults
}

#[tokio::test]
async fn no_failure_tells_a_secret() {
    let record = Record::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(record.clone())
        .finish()
        .init();

    let fake = FakeTelegram::start(Settings::default()).await;
    fake.start_chat(ANNA);
    let config = || TelegramConfig::new(fake.token()).api_url(fake.url());
    record.add(&format!("{:?}", config()));
    let telegram = Telegram::connect(config()).await.unwrap();
    use_all(&telegram, &record).await;
    for fault in faults() {
        fake.fail_next(100, fault.clone());
        use_all(&telegram, &record).await;
        show(&record, &Telegram::connect(config()).await);
        fake.clear_faults();
    }
    // What refuses may repeat what it refuses.
    for (message, texts) in messages() {
        for said in texts {
            for words in ["button of {} is odd", "can't parse entities: {}"] {
                let words = format!("Bad Request: {}", words.replace("{}", said));
                fake.fail_next(2, Fault::api(400, &words));
                send(&telegram, &message, &record).await;
                fake.clear_faults();
            }
        }
    }
    // Time-outs, without waiting for them.
    fake.fail_next(100, Fault::Hang { acts: true });
    tokio::time::pause();
    use_all(&telegram, &record).await;
    show(&record, &Telegram::connect(config()).await);
    tokio::time::resume();
    fake.clear_faults();
    fake.stop().await;
    use_all(&telegram, &record).await;
    show(&record, &Telegram::connect(config()).await);
    let wrong = TelegramConfig::new("7000001:not a token").api_url(fake.url());
    show(&record, &Telegram::connect(wrong).await);

    let record = record.text();
    // The record is of everything: our own lines, and those of the HTTP client below us.
    for line in [
        "a request to Telegram failed",
        "not delivered",
        "reqwest::connect",
    ] {
        assert!(record.contains(line), "{line} was not recorded");
    }
    let token = fake.token();
    let (_, half) = token.split_once(':').unwrap();
    for secret in [
        token,
        half,
        TEXT,
        "Rex",
        PHONE,
        "436641234567",
        NAME,
        "Annabella",
        "annabella",
        CHOICE,
        LINK,
        "swordfish",
        "secretfileid",
        "not a token",
    ] {
        let told = record.lines().find(|line| line.contains(secret));
        assert_eq!(told, None, "{secret} is told");
    }
}
