//! A channel of your own: a chat room in the same program, on which a bot receives visitors.
//!
//! ```text
//! anna: hello
//! bot: What is your name?
//! anna: Anna
//! bot: Welcome, Anna!
//! ```
//!
//! `tests/channel.rs` puts it through the channel conformance kit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chatflow_core::{
    Address, Ask, Bot, Capabilities, Channel, ChannelId, Chatflow, FlowBuilder, Inbound,
    InboundBody, Ingest, ListenError, MemoryStore, Message, Outbound, Profile, RawInbound, Receipt,
    SendError, SendErrorClass, SendMessage,
};
use tokio::sync::{mpsc, oneshot};

/// What a visitor posts: `NAME`, a line break, the words. The page numbers its posts and posts
/// again what was not taken.
pub(crate) struct Post {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
    /// Told once the post is safe; dropped where it isn't.
    pub(crate) taken: oneshot::Sender<()>,
}

/// The visitors in the room, and where each reads what is said to him.
pub(crate) type Visitors = Arc<Mutex<BTreeMap<String, mpsc::UnboundedSender<Message>>>>;

/// The channel.
pub(crate) struct Room {
    id: ChannelId,
    capabilities: Capabilities,
    posts: Mutex<Option<mpsc::UnboundedReceiver<Post>>>,
    visitors: Visitors,
}

impl Room {
    pub(crate) fn new(posts: mpsc::UnboundedReceiver<Post>, visitors: Visitors) -> Self {
        // What a channel can do is data. Core cuts, degrades or refuses what it can't, so `send`
        // only ever sees what fits: here choices come as lines of the text.
        let mut capabilities = Capabilities::text();
        capabilities.media.clear();
        capabilities.choices = None;
        Self {
            id: ChannelId::from("room"),
            capabilities,
            posts: Mutex::new(Some(posts)),
            visitors,
        }
    }
}

#[async_trait]
impl Channel for Room {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Looks at the bytes and nothing else. What it doesn't understand is nothing: core keeps the
    /// bytes as they came.
    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        let text = std::str::from_utf8(raw.body.as_bytes()).ok();
        let post = text.and_then(|text| text.split_once('\n'));
        let inbound = post.map(|(name, words)| Inbound {
            key: raw.key.clone(),
            from: Address::new(self.id.clone(), name),
            profile: Profile::default(),
            body: InboundBody::Message(Message::new(words)),
        });
        inbound.into_iter().collect()
    }

    /// An error says what to do next, by its class.
    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let left = || SendError::new(SendErrorClass::VisitorLeft, "nobody is there");
        let visitors = lock(&self.visitors);
        let visitor = visitors.get(outbound.to.external_id()).ok_or_else(left)?;
        visitor.send(outbound.message.clone()).map_err(|_| left())?;
        Ok(Receipt::default())
    }

    /// The law of a channel: acknowledged only after `receive` has returned.
    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        let Some(mut posts) = lock(&self.posts).take() else {
            return Ok(());
        };
        while let Some(post) = posts.recv().await {
            ingest
                .receive(RawInbound {
                    channel: self.id.clone(),
                    // The same post has the same key, however often it comes.
                    key: format!("post:{}", post.number).into(),
                    body: post.bytes.into(),
                })
                .await?;
            // The visitor may have left meanwhile.
            let _ = post.taken.send(());
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flow = FlowBuilder::new("welcome", 1)
        .step("name", Ask::text("What is your name?").save_contact_name())
        .step("done", SendMessage::text("Welcome, {{ name }}!"))
        .build()?;
    let (door, posts) = mpsc::unbounded_channel();
    let visitors = Visitors::default();
    let room = Room::new(posts, Arc::clone(&visitors));
    let chatflow = Chatflow::builder(MemoryStore::new());
    let chatflow = chatflow.bot(Bot::new("host", flow), room).start().await?;

    let (screen, mut reads) = mpsc::unbounded_channel();
    lock(&visitors).insert("anna".to_owned(), screen);
    for (number, words) in (1..).zip(["hello", "Anna"]) {
        println!("anna: {words}");
        let (taken, is_taken) = oneshot::channel();
        let bytes = format!("anna\n{words}").into_bytes();
        door.send(Post {
            number,
            bytes,
            taken,
        })?;
        is_taken.await?;
        if let Some(message) = reads.recv().await {
            println!("bot: {}", message.text());
        }
    }
    chatflow.shutdown().await?;
    Ok(())
}
