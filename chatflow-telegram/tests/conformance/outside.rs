//! Telegram and its people, as the kit wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chatflow_core::testing::channel_kit::{
    Ability, Arrived, ChannelHarness, Failure, Happening, Knock, Outside, Report, Webhook,
};
use chatflow_core::{Address, Channel, Media, MediaError, MediaFile, MediaKind, MediaStore};
use chatflow_telegram::testing::{FakeTelegram, GroupKind, Incoming, Settings};
use chatflow_telegram::{Telegram, TelegramConfig, WebhookConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failing::ways;
use crate::watched::Watched;

/// Bots of one kind.
pub(crate) struct Bots(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In private chats, by long poll.
    Poll,
    /// In private chats, by webhook.
    Webhook,
    /// In groups, by long poll.
    Groups,
}

#[async_trait]
impl ChannelHarness for Bots {
    async fn fresh(&self) -> Arc<dyn Outside> {
        Arc::new(World::new(self.0).await)
    }

    fn cannot(&self) -> &[Ability] {
        match self.0 {
            // An answer that isn't JSON holds no updates, so none can be garbage.
            Kind::Poll => &[
                Ability::Move,
                Ability::Receipts,
                Ability::Garbage,
                Ability::Webhook,
            ],
            Kind::Webhook => &[Ability::Move, Ability::Receipts],
            Kind::Groups => &[Ability::Block, Ability::Receipts, Ability::Webhook],
        }
    }
}

const SECRET: &str = "a-secret_of-letters-0123456789";
const HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// A member of every group.
const MEMBER: i64 = 5_000_001;

struct World {
    kind: Kind,
    fake: FakeTelegram,
    client: reqwest::Client,
    inner: Mutex<Inner>,
}

struct Inner {
    people: BTreeMap<String, i64>,
    refused: watch::Receiver<bool>,
    /// How many requests had come before the channel was connected.
    connected_at: usize,
    shown: Vec<String>,
    /// Whether the whole server is away.
    is_out: bool,
    server: Option<(String, JoinHandle<()>)>,
    /// The last update that was brought to the door.
    knocked: Value,
    /// How many requests were looked at for messages, and those found.
    looked: usize,
    seen: BTreeSet<(i64, i64)>,
    arrived: Vec<Arrived>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some((_, server)) = &self.server {
            server.abort();
        }
    }
}

impl World {
    async fn new(kind: Kind) -> Self {
        Self {
            kind,
            fake: FakeTelegram::start(Settings::default()).await,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            inner: Mutex::new(Inner {
                people: BTreeMap::new(),
                refused: watch::channel(false).1,
                connected_at: 0,
                shown: Vec::new(),
                is_out: false,
                server: None,
                knocked: Value::Null,
                looked: 0,
                seen: BTreeSet::new(),
                arrived: Vec::new(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The chat of somebody.
    fn chat(&self, who: &str) -> i64 {
        let mut inner = self.inner();
        let count = inner.people.len() as i64;
        let kind = self.kind;
        *inner.people.entry(who.to_owned()).or_insert_with(|| {
            if kind == Kind::Groups {
                let chat = -1_001_000_000_000 - count;
                self.fake.add_group(chat, GroupKind::Group, who);
                return chat;
            }
            6_000_000 + count
        })
    }

    fn says(&self, who: &str, text: &str) -> Incoming {
        let chat = self.chat(who);
        match self.kind {
            Kind::Groups => Incoming::text(MEMBER, text).in_chat(chat),
            _ => Incoming::text(chat, text),
        }
    }

    /// Ends an outage, which is over with the request that found it.
    async fn restore(&self) {
        let is_over = std::mem::take(&mut self.inner().is_out);
        if is_over {
            self.fake.restart().await;
        }
    }

    /// Looks for messages that the bot has sent since the last look.
    fn look(&self) {
        let mut inner = self.inner();
        let looked = inner.looked;
        let (chats, all) = self.fake.view(|view| {
            let new = view.requests().iter().skip(looked);
            let sends = new.filter(|request| request.acted && request.method.starts_with("send"));
            let chats: BTreeSet<i64> = sends
                .filter_map(|request| {
                    let chat = &request.params["chat_id"];
                    chat.as_i64().or_else(|| chat.as_str()?.parse().ok())
                })
                .collect();
            (chats, view.requests().len())
        });
        inner.looked = all;
        for chat in chats {
            let mut album = Value::Null;
            for sent in self.fake.sent_to(chat) {
                let id = sent["message_id"].as_i64().unwrap();
                if !inner.seen.insert((chat, id)) {
                    continue;
                }
                let group = sent["media_group_id"].clone();
                match inner.arrived.last_mut() {
                    Some(last) if !group.is_null() && group == album => last.media += 1,
                    _ => inner.arrived.push(arrived(chat, &sent)),
                }
                album = group;
            }
        }
    }
}

fn arrived(chat: i64, sent: &Value) -> Arrived {
    let text = sent.get("text").or_else(|| sent.get("caption"));
    let media = [
        "photo",
        "video",
        "audio",
        "voice",
        "video_note",
        "document",
        "sticker",
        "location",
        "contact",
    ];
    let rows = sent["reply_markup"]["inline_keyboard"].as_array();
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array);
    let labels = buttons
        .flatten()
        .filter_map(|button| button["text"].as_str());
    let replied = sent["reply_to_message"]["message_id"].as_i64();
    Arrived {
        to: Address::new("telegram:7000001", chat.to_string()),
        text: text.and_then(Value::as_str).unwrap_or_default().to_owned(),
        media: usize::from(media.iter().any(|kind| sent.get(kind).is_some())),
        choices: labels.map(str::to_owned).collect(),
        quotes: replied.map(|id| id.to_string().into()),
    }
}

/// Has every file, and each is small.
struct Shelf;

#[async_trait]
impl MediaStore for Shelf {
    async fn read(&self, reference: &str) -> Result<MediaFile, MediaError> {
        Ok(MediaFile {
            name: reference.to_owned(),
            bytes: b"a file".to_vec(),
        })
    }
}

#[async_trait]
impl Outside for World {
    async fn connect(&self) -> Arc<dyn Channel> {
        self.restore().await;
        let mut config = TelegramConfig::new(self.fake.token())
            .api_url(self.fake.url())
            .media(Arc::new(Shelf));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        if self.kind == Kind::Webhook {
            let webhook = WebhookConfig::new(SECRET).unwrap().url(url.as_str());
            config = config.webhook(webhook);
        }
        let mut shown = vec![format!("{config:?}")];
        let telegram = Telegram::connect(config).await.unwrap();
        shown.push(format!("{telegram:?}"));
        let (refused, is_refused) = watch::channel(false);
        let mut inner = self.inner();
        inner.refused = is_refused;
        inner.shown = shown;
        inner.connected_at = self.fake.view(|view| view.requests().len());
        if let Some((_, server)) = inner.server.take() {
            server.abort();
        }
        if let Some(router) = telegram.webhook_router() {
            let serving = async move { axum::serve(listener, router).await.unwrap() };
            inner.server = Some((url, tokio::spawn(serving)));
        }
        Arc::new(Watched { telegram, refused })
    }

    fn address(&self, who: &str) -> Address {
        Address::new("telegram:7000001", self.chat(who).to_string())
    }

    async fn happens(&self, who: &str, what: &Happening<'_>) -> Report {
        let (fake, chat) = (&self.fake, self.chat(who));
        let update = match what {
            Happening::Text(text) => fake.push(self.says(who, text)).update_id,
            Happening::Press(label) => {
                let sent = fake.sent_to(chat).into_iter().rev();
                let mut buttons = sent.filter_map(|sent| {
                    let rows = sent["reply_markup"]["inline_keyboard"].as_array()?;
                    let mut buttons = rows.iter().filter_map(Value::as_array).flatten();
                    let button = buttons.find(|button| button["text"] == **label)?;
                    let data = button["callback_data"].as_str()?.to_owned();
                    Some((sent["message_id"].as_i64()?, data))
                });
                let (id, data) = buttons.next().expect("the choice was offered");
                fake.press(chat, chat, id, &data).update_id
            }
            Happening::Media(kind, text) => {
                let incoming = match kind {
                    MediaKind::Photo => Incoming::photo(chat),
                    MediaKind::Video => Incoming::video(chat),
                    MediaKind::Voice => Incoming::voice(chat),
                    MediaKind::Audio => Incoming::audio(chat),
                    _ => Incoming::document(chat, "file.txt"),
                };
                let incoming = match text.is_empty() {
                    true => incoming,
                    false => incoming.captioned(text),
                };
                fake.push(incoming).update_id
            }
            Happening::AlbumItem { album, caption } => {
                let incoming = Incoming::photo(chat).with(json!({ "media_group_id": album }));
                let incoming = match caption.is_empty() {
                    true => incoming,
                    false => incoming.captioned(caption),
                };
                fake.push(incoming).update_id
            }
            Happening::Started(payload) => fake.push(Incoming::start(chat, payload)).update_id,
            Happening::Blocked => fake.block(chat),
            Happening::Unblocked => fake.unblock(chat),
            Happening::Moved(to) => {
                let new = self.chat(to);
                fake.migrate(chat, new, MEMBER).0
            }
            Happening::Unknown(word) => fake.push_raw(json!({ "novelty": { "of": word } })),
            Happening::Garbage(word) => fake.push_bytes(format!("{{\"{word}")),
            other => panic!("nobody does that on Telegram: {other:?}"),
        };
        Report(update as u64)
    }

    async fn again(&self, report: Report) {
        self.fake.redeliver(report.0 as i64);
    }

    /// The channel has nothing more to take and asks for more; or what it handed in was refused,
    /// and it waits before it offers that again.
    async fn settled(&self) {
        self.restore().await;
        let (mut refused, connected_at) = {
            let inner = self.inner();
            (inner.refused.clone(), inner.connected_at)
        };
        let by_poll = self.kind != Kind::Webhook;
        let idle = self.fake.wait_for("the channel to ask for more", |view| {
            let since = view.requests().get(connected_at..).unwrap_or_default();
            let polls = since.iter().rev();
            let mut polls = polls.filter(|request| request.method == "getUpdates");
            let is_held = polls.next().is_some_and(|poll| poll.answered.is_none());
            view.pending_updates() == 0 && (is_held || !by_poll)
        });
        tokio::select! {
            () = idle => {}
            _ = refused.wait_for(|refused| *refused) => {}
        }
    }

    async fn acknowledged(&self) -> Vec<Report> {
        let ids: BTreeSet<i64> = self.fake.view(|view| match self.kind {
            Kind::Webhook => {
                let tries = view.deliveries().iter();
                let taken = tries.filter(|delivery| delivery.status == Some(200));
                taken.map(|delivery| delivery.update_id).collect()
            }
            _ => {
                let offsets = view.requests().iter();
                let offset = offsets.filter_map(|request| request.params["offset"].as_i64());
                (FIRST_UPDATE..offset.max().unwrap_or(FIRST_UPDATE)).collect()
            }
        });
        ids.into_iter().map(|id| Report(id as u64)).collect()
    }

    async fn fails_next(&self, failure: &Failure, wording: usize) -> bool {
        self.restore().await;
        self.fake.clear_faults();
        let ways = ways(failure, self.chat("elsewhere"));
        match ways.get(wording) {
            None => return false,
            Some(None) => {
                self.fake.stop().await;
                self.inner().is_out = true;
            }
            Some(Some(fault)) => self.fake.fail_next_on("sendMessage", 1, fault.clone()),
        }
        true
    }

    async fn arrived(&self) -> Vec<Arrived> {
        self.look();
        self.inner().arrived.clone()
    }

    fn file(&self, kind: MediaKind) -> Media {
        match kind {
            MediaKind::Location => Media::place(56.95, 24.1),
            MediaKind::Contact => Media::contact_card("+37120000000", "Anna"),
            kind => Media::new(kind, "file.jpg"),
        }
    }

    fn secrets(&self) -> Vec<String> {
        let token = self.fake.token();
        let (_, half) = token.split_once(':').unwrap();
        vec![token.to_owned(), half.to_owned(), SECRET.to_owned()]
    }

    fn shown(&self) -> Vec<String> {
        self.inner().shown.clone()
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        (self.kind == Kind::Webhook).then_some(self)
    }
}

/// The id of the fake's first update.
const FIRST_UPDATE: i64 = 800_000_001;

#[async_trait]
impl Webhook for World {
    async fn knock(&self, knock: Knock<'_>) -> u16 {
        let chat = self.chat("anna");
        if let Knock::Genuine(text) = knock {
            let message = json!({
                "message_id": 1, "date": 0, "text": text,
                "chat": { "id": chat, "type": "private", "first_name": "Anna" },
                "from": { "id": chat, "is_bot": false, "first_name": "Anna" },
            });
            let mut inner = self.inner();
            let id = inner.knocked["update_id"].as_i64().unwrap_or(500);
            inner.knocked = json!({ "update_id": id + 1, "message": message });
        }
        let (url, body) = {
            let inner = self.inner();
            let (url, _) = inner.server.as_ref().expect("the kit connects first");
            (url.clone(), inner.knocked.to_string())
        };
        let body = match knock {
            Knock::TooLarge => " ".repeat(2 << 20),
            Knock::Garbage => "{\"half".to_owned(),
            _ => body,
        };
        let request = self.client.post(url).body(body);
        let request = match knock {
            // Telegram doesn't ask whose door it is.
            Knock::Challenge => return 404,
            Knock::NoSecret => request,
            Knock::WrongSecret => request.header(HEADER, SECRET.replace('0', "1")),
            Knock::ShortSecret => request.header(HEADER, &SECRET[..SECRET.len() / 2]),
            _ => request.header(HEADER, SECRET),
        };
        let answer = request.send().await;
        // A door that is closed before everything is read can be too fast for its own answer.
        answer.map_or(413, |answer| answer.status().as_u16())
    }
}
