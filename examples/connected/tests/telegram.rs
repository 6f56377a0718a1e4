//! The Telegram example as a newcomer meets it, and as a careless one does.

mod common;

use std::process::{Command, Stdio};

use chatflow_telegram::testing::{FakeTelegram, Person, Settings};
use serde_json::Value;

use common::{Running, bot_of, by_webhook, ended, free_port, program};

const ANNA: i64 = 5_000_001;

/// It ends with this one sentence, which shows nothing secret.
#[track_caller]
fn one_sentence(command: &mut Command, sentence: &str) {
    let output = ended(command);
    let notices = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{notices}");
    assert_eq!(notices, format!("telegram: {sentence}\n"));
    assert!(output.stdout.is_empty());
}

async fn stage() -> (FakeTelegram, tempfile::TempDir) {
    let fake = FakeTelegram::start(Settings::default()).await;
    fake.add_person(Person::named(ANNA, "Anna"));
    (fake, tempfile::tempdir().unwrap())
}

/// The text of the bot's n-th message, and what is pressed under it.
async fn said(fake: &FakeTelegram, count: usize) -> Value {
    let what = format!("message {count}");
    fake.wait_for(&what, |view| view.sent_to(ANNA).len() >= count)
        .await;
    fake.sent_to(ANNA).remove(count - 1)
}

async fn converse(fake: &FakeTelegram) {
    for (n, (says, answer)) in [
        ("/start", "Nice to meet you, Anna. How old are you?"),
        ("abc", "Please send a number from 1 to 120."),
        ("34", "Which plan would you like?"),
    ]
    .into_iter()
    .enumerate()
    {
        fake.push_text(ANNA, says);
        assert_eq!(said(fake, n + 1).await["text"], answer);
    }
    let question = said(fake, 3).await;
    let buttons = &question["reply_markup"]["inline_keyboard"][0];
    let (pro, id) = (&buttons[1]["callback_data"], &question["message_id"]);
    fake.press(ANNA, ANNA, id.as_i64().unwrap(), pro.as_str().unwrap());
    let thanks = "Thank you, Anna! We keep: 34 years, plan pro. A colleague will write to you.";
    assert_eq!(said(fake, 4).await["text"], thanks);
    fake.push_text(ANNA, "again");
    let age = "Nice to meet you, Anna. How old are you?";
    assert_eq!(said(fake, 5).await["text"], age);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leads_the_conversation_at_its_top_and_ends_with_ctrl_c() {
    let (fake, folder) = stage().await;
    let mut command = bot_of(&fake, &folder.path().join("x.db"));
    let running = Running::start(&mut command);
    converse(&fake).await;
    assert_eq!(running.interrupt().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_by_a_webhook_too() {
    let (fake, folder) = stage().await;
    let mut command = bot_of(&fake, &folder.path().join("x.db"));
    by_webhook(&mut command, free_port());
    let running = Running::start(&mut command);
    converse(&fake).await;
    assert_eq!(running.interrupt().code(), Some(0));
    assert_eq!(fake.requests_of("getUpdates").len(), 0);
    let set = fake.requests_of("setWebhook").remove(0).params;
    let secret = set["secret_token"].as_str().unwrap();
    assert_eq!(secret.len(), 64, "one was made up");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_meanwhile_is_answered_at_the_next_start() {
    let (fake, folder) = stage().await;
    let mut command = bot_of(&fake, &folder.path().join("x.db"));
    let running = Running::start(&mut command);
    fake.push_text(ANNA, "hi");
    said(&fake, 1).await;
    assert_eq!(running.interrupt().code(), Some(0));
    fake.push_text(ANNA, "34");
    let running = Running::start(&mut command);
    let question = said(&fake, 2).await;
    assert_eq!(question["text"], "Which plan would you like?");
    running.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_from_a_file_is_led() {
    let (fake, folder) = stage().await;
    let flow = folder.path().join("order.yaml");
    let text = "flow: order\nsteps:\n  size:\n    ask: {question: \"Small or large?\", choices: [small, large], save: size}\n  done:\n    send: One {{ size }} coming up.\n    finish: finished\n";
    std::fs::write(&flow, text).unwrap();
    let mut command = bot_of(&fake, &folder.path().join("x.db"));
    let running = Running::start(command.arg("--flow").arg(&flow));
    fake.push_text(ANNA, "hi");
    assert_eq!(said(&fake, 1).await["text"], "Small or large?");
    fake.push_text(ANNA, "small");
    assert_eq!(said(&fake, 2).await["text"], "One small coming up.");
    running.interrupt();

    std::fs::write(&flow, text.replace("ask:", "aks:")).unwrap();
    let output = ended(&mut command);
    let notices = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(notices.contains("order.yaml:4"), "{notices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ch_14_a_missing_or_bad_token_is_one_sentence() {
    let (fake, folder) = stage().await;
    let db = folder.path().join("x.db");
    let token = |token: &str| {
        let mut command = bot_of(&fake, &db);
        command.env("TELEGRAM_BOT_TOKEN", token);
        command
    };
    let missing = "set TELEGRAM_BOT_TOKEN to your bot's token, which @BotFather gives";
    one_sentence(bot_of(&fake, &db).env_remove("TELEGRAM_BOT_TOKEN"), missing);
    one_sentence(&mut token(" "), missing);
    one_sentence(
        &mut token("my-token"),
        "this is no Telegram token, which is a number, a colon and letters: copy it again from BotFather",
    );
    one_sentence(
        &mut token("7000001:AAsomebodyelsessomebodyelsessomebody"),
        "Telegram refuses the token: copy it again from BotFather",
    );
    fake.stop().await;
    let output = ended(&mut bot_of(&fake, &db));
    let notices = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(notices.lines().count(), 1, "{notices}");
    assert!(notices.contains("can't be reached"), "{notices}");
    assert!(!notices.contains(fake.token()), "{notices}");
    assert!(!db.exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_is_one_sentence() {
    let (fake, folder) = stage().await;
    let db = folder.path().join("x.db");
    one_sentence(
        program().arg("--colour"),
        "invalid option '--colour'; see --help",
    );
    one_sentence(
        program().args(["--webhook-url", "http://x/", "--db", "x.db"]),
        "--webhook-url wants --webhook ADDR, where to listen; see --help",
    );
    one_sentence(
        bot_of(&fake, &db).args(["--webhook", "127.0.0.1:1"]),
        "--webhook wants --webhook-url URL, or the secret with which you registered the webhook \
         in TELEGRAM_WEBHOOK_SECRET",
    );
    let mut secret = bot_of(&fake, &db);
    secret.env("TELEGRAM_WEBHOOK_SECRET", "two words");
    one_sentence(
        secret.args(["--webhook", "127.0.0.1:1"]),
        "a webhook's secret has 1 to 256 letters of A-Z, a-z, 0-9, _ and -",
    );
}

#[test]
fn help_says_everything_and_is_no_error() {
    let output = ended(program().arg("--help").stderr(Stdio::inherit()));
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for option in ["--flow", "--db", "--api-url", "--webhook ", "--webhook-url"] {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.contains("TELEGRAM_BOT_TOKEN") && help.contains("TELEGRAM_WEBHOOK_SECRET"));
}
