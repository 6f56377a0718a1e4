//! A bot that collects leads, on Telegram. Everything survives: stop it at any moment, start it
//! again, go on; what was written meanwhile is answered then.
//!
//! ```text
//! > /start
//! < Nice to meet you, Anna. How old are you?
//! > abc
//! < Please send a number from 1 to 120.
//! > 34
//! < Which plan would you like? [basic | pro]
//! > (pro)
//! < Thank you, Anna! We keep: 34 years, plan pro. A colleague will write to you.
//! > again
//! < Nice to meet you, Anna. How old are you?
//! ```
//!
//! It is the flow of the example `console`. Telegram tells the name, so the flow doesn't ask for it.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chatflow_core::{
    Ask, Bot, Branch, Chatflow, Condition, FinishStatus, FlowBuilder, FlowDefinition, FlowError,
    FlowFiles, KeywordRouter, SendMessage,
};
use chatflow_store_sqlite::SqliteStore;
use chatflow_telegram::{Telegram, TelegramConfig, TelegramMembership, WebhookConfig};
use etcetera::BaseStrategy as _;
use tokio::net::TcpListener;

const USAGE: &str = "\
Run a bot on Telegram that collects leads, or one of yours.

Usage: TELEGRAM_BOT_TOKEN=... telegram [--flow FILE]... [--db PATH] [--api-url URL]
                                       [--webhook ADDR [--webhook-url URL]]

  --flow FILE        a flow in YAML or JSON; more files are more flows of the same bot
  --db PATH          where everything is kept; the default is in your data folder
  --api-url URL      a Bot API server of your own
  --webhook ADDR     receive by a webhook instead of polling: serves http://ADDR/, for a proxy with
                     TLS in front of it
  --webhook-url URL  the address under which Telegram reaches the proxy; it is registered

@BotFather gives the token. TELEGRAM_WEBHOOK_SECRET is the webhook's secret; without it one is made
up at each start, which only works with --webhook-url.";

/// The bot's id: what a dialog is found again by, whatever flow it is in.
const BOT: &str = "lead-bot";

fn flow() -> Result<FlowDefinition, FlowError> {
    FlowBuilder::new("lead", 1)
        .step(
            "start",
            Branch::when("known", Condition::known("contact.name")),
        )
        .exit("known", "age")
        .step(
            "name",
            Ask::text("Hello! What is your name?").save_contact_name(),
        )
        .step(
            "age",
            Ask::range("Nice to meet you, {{ name }}. How old are you?", 1, 120)
                .retry("Please send a number from 1 to 120.")
                .save("age"),
        )
        .step(
            "plan",
            Ask::choice("Which plan would you like?", ["basic", "pro"]).save("plan"),
        )
        .step(
            "done",
            SendMessage::text(
                "Thank you, {{ name }}! We keep: {{ age }} years, plan {{ plan }}. \
                 A colleague will write to you.",
            ),
        )
        .finish(FinishStatus::Waiting)
        .step(
            "more",
            KeywordRouter::new()
                .route("again", ["again", "change"])
                .retry("We have noted everything. Say `again` to change your answers."),
        )
        .exit("again", "age")
        .build()
}

#[tokio::main]
async fn main() -> ExitCode {
    let log = tracing_subscriber::fmt().with_writer(io::stderr);
    log.with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprint!("telegram: {error}");
            std::iter::successors(error.source(), |&cause| cause.source())
                .for_each(|cause| eprint!(": {cause}"));
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = Options::read()? else {
        writeln!(io::stdout(), "{USAGE}")?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(bot) = bot(&options.flows)? else {
        return Ok(ExitCode::FAILURE);
    };
    let token = env::var_os("TELEGRAM_BOT_TOKEN").unwrap_or_default();
    let token = token.to_string_lossy().into_owned(); // what isn't text is no token either
    if token.trim().is_empty() {
        return Err("set TELEGRAM_BOT_TOKEN to your bot's token, which @BotFather gives".into());
    }
    let mut config = TelegramConfig::new(token);
    if let Some(url) = options.api_url {
        config = config.api_url(url);
    }
    if options.webhook.is_some() {
        config = config.webhook(webhook(options.webhook_url)?);
    }
    let telegram = Telegram::connect(config).await?;
    let store = SqliteStore::open(&options.db)?;
    // The host's own server; the channel gives the route.
    if let Some((address, router)) = options.webhook.zip(telegram.webhook_router()) {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| format!("can't listen on {address}: {error}"))?;
        tokio::spawn(async { axum::serve(listener, router).await });
    }
    let (name, db) = (telegram.username(), options.db.display());
    let greeting = format!("Write to the bot at https://t.me/{name}; Ctrl-C ends. Kept in {db}");
    writeln!(io::stdout(), "{greeting}")?;
    let membership = TelegramMembership::new(&telegram);
    let engine = Chatflow::builder(store).bot(bot, telegram);
    let chatflow = engine.membership(membership).start().await?;
    let ended = tokio::select! {
        ended = chatflow.finished() => ended,
        asked = tokio::signal::ctrl_c() => Ok(asked?),
    };
    // What has come in is answered first; who can't wait asks again.
    let drained = tokio::select! {
        drained = chatflow.shutdown() => drained,
        asked = tokio::signal::ctrl_c() => Ok(asked?),
    };
    ended.and(drained)?;
    Ok(ExitCode::SUCCESS)
}

fn webhook(url: Option<String>) -> Result<WebhookConfig, Box<dyn Error>> {
    let secret = match env::var("TELEGRAM_WEBHOOK_SECRET") {
        Ok(secret) => secret,
        Err(_) if url.is_none() => {
            return Err(
                "--webhook wants --webhook-url URL, or the secret with which you registered \
                        the webhook in TELEGRAM_WEBHOOK_SECRET"
                    .into(),
            );
        }
        Err(_) => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)?;
            bytes.iter().try_fold(String::new(), |mut secret, byte| {
                write!(secret, "{byte:02x}").map(|()| secret)
            })?
        }
    };
    let webhook = WebhookConfig::new(secret)?;
    Ok(url.into_iter().fold(webhook, WebhookConfig::url))
}

/// The bot of these files, or the one above. None where the files are wrong: each finding is on a
/// line of the standard error then, with its place.
fn bot(files: &[PathBuf]) -> Result<Option<Bot>, Box<dyn Error>> {
    if files.is_empty() {
        return Ok(Some(Bot::new(BOT, flow()?)));
    }
    let mut flows = FlowFiles::new();
    for path in files {
        let bytes = std::fs::read(path)
            .map_err(|error| format!("can't read {}: {error}; check the path", path.display()))?;
        flows = flows.read(path.display().to_string(), &bytes);
    }
    let wrong = match flows.bot(BOT) {
        Ok(bot) => return Ok(Some(bot)),
        Err(wrong) => wrong,
    };
    for finding in wrong.findings() {
        eprintln!("{finding}");
    }
    Ok(None)
}

#[derive(Default)]
struct Options {
    flows: Vec<PathBuf>,
    db: PathBuf,
    api_url: Option<String>,
    webhook: Option<SocketAddr>,
    webhook_url: Option<String>,
}

impl Options {
    fn read() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::*;
        let (mut options, mut db) = (Self::default(), None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("flow") => options.flows.push(arguments.value()?.into()),
                Long("db") => db = Some(PathBuf::from(arguments.value()?)),
                Long("api-url") => options.api_url = Some(arguments.value()?.string()?),
                Long("webhook") => {
                    let address = arguments.value()?.string()?;
                    let sentence = "--webhook wants an address and a port, such as 127.0.0.1:8080";
                    options.webhook = Some(address.parse().map_err(|_| sentence)?);
                }
                Long("webhook-url") => options.webhook_url = Some(arguments.value()?.string()?),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(format!("{}; see --help", other.unexpected()).into()),
            }
        }
        if options.webhook.is_none() && options.webhook_url.is_some() {
            return Err("--webhook-url wants --webhook ADDR, where to listen; see --help".into());
        }
        let flow = options.flows.first().map(PathBuf::as_path);
        options.db = db.map_or_else(|| default_db(flow), Ok)?;
        Ok(Some(options))
    }
}

/// `telegram.db` in a folder of our own in the user's data folder; `telegram-lead.db` for a flow
/// from the file `lead.yaml`, so that dialogs of one flow aren't found by another.
fn default_db(flow: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    let data = etcetera::choose_base_strategy()
        .map_err(|error| format!("there is no data folder here: {error}; say --db PATH"))?
        .data_dir();
    let folder = data.join("chatflow");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("can't make {}: {error}; say --db PATH", folder.display()))?;
    let flow = flow.and_then(Path::file_stem);
    let name = flow.map_or_else(
        || "telegram.db".to_owned(),
        |flow| format!("telegram-{}.db", flow.to_string_lossy()),
    );
    Ok(folder.join(name))
}
