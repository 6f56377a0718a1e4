//! A support desk in one script: contacts write, a bot asks what it is about, and operators are
//! offered what they can take, answer, pass on and complete. `-- -i` lets you write the lines.
//!
//! ```text
//! !eva on
//! !ben on
//! anna: hello
//!   anna< What is it about?
//! anna: my parcel
//!   anna< One moment, please.
//!   ben hears: distributed
//!   eva hears: distributed
//! !eva list
//!   anna is offered
//! !eva accept anna
//! !ben accept anna
//!   no: operator_accepted refused in status manual: operator `eva` has it already
//! !eva say anna Which parcel?
//!   anna< Which parcel?
//! anna: the blue one
//! !ben say anna It is on its way.
//!   no: operator `ben` may not reply
//! !eva pass anna ben
//!   ben hears: distributed
//! !eva list
//! !ben say anna It is on its way.
//!   anna< It is on its way.
//! !ben close anna
//! anna: thank you
//!   anna< What is it about?
//! !root feed anna
//!   contact: hello
//!   bot: What is it about?
//!   session 1 is open: bot
//!   contact: my parcel
//!   bot: One moment, please.
//!   session 1 is over: handed_over
//!   session 2 is open: queued
//!   it is offered
//!   eva is responsible
//!   eva: Which parcel?
//!   contact: the blue one
//!   session 2 is over: transferred
//!   session 3 is open: in_progress
//!   ben is responsible
//!   ben: It is on its way.
//!   session 3 is over: by_hand
//!   nobody is responsible
//!   contact: thank you
//!   bot: What is it about?
//!   session 4 is open: bot
//! ```

use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chatflow_core::{
    Acceptance, Address, Ask, Assignee, Author, Availability, Behaviour, Bot, Capabilities,
    Channel, ChannelId, Desk, DialogId, EffectId, Enqueue, Fact, FeedItem, Filter, FlowBuilder,
    Handling, Inbound, InboundBody, Ingest, ListenError, MemoryStore, Message, Notification,
    Notifier, OperatorAct, Outbound, PortError, Profile, RawInbound, Receipt, Roles, RoutingRule,
    SendError, SendMessage, SystemClock, TransferTo, Worker,
};

const SPACE: &str = "main";

/// What happens since the last line, for the screen.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<String>>>);

impl Screen {
    fn show(&self, line: String) {
        self.lines().push(line);
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel whose contacts sit at this terminal.
struct Hall {
    id: ChannelId,
    capabilities: Capabilities,
    screen: Screen,
}

#[async_trait]
impl Channel for Hall {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn decode(&self, _raw: &RawInbound) -> Vec<Inbound> {
        Vec::new()
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let (to, text) = (outbound.to.external_id(), outbound.message.text());
        self.screen.show(format!("{to}< {text}"));
        Ok(Receipt::default())
    }

    /// What contacts write is handed to the worker by whoever reads the script.
    async fn listen(&self, _ingest: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}

#[async_trait]
impl Notifier for Screen {
    async fn notify(&self, _key: EffectId, told: &Notification) -> Result<(), PortError> {
        self.show(format!("{} hears: {}", told.to, told.alert.label()));
        Ok(())
    }
}

struct SupportDesk {
    worker: Worker,
    screen: Screen,
    lines: u32,
}

impl SupportDesk {
    async fn open() -> Result<Self, Box<dyn std::error::Error>> {
        let flow = FlowBuilder::new("reception", 1)
            .step("topic", Ask::text("What is it about?").save("topic"))
            .step("wait", SendMessage::text("One moment, please."))
            .step("people", Enqueue::into("support"))
            .build()?;
        let bot = Bot::new("desk", flow)
            .space(SPACE)
            .behaviour(Behaviour::creatio());
        let screen = Screen::default();
        let hall = Hall {
            id: ChannelId::from("hall"),
            capabilities: Capabilities::text(),
            screen: screen.clone(),
        };
        let worker = Worker::builder(Arc::new(MemoryStore::new()), Arc::new(SystemClock))
            .bot(&bot, Arc::new(hall))
            .notifier(Arc::new(screen.clone()))
            .policy(Arc::new(Roles::creatio()))
            .build()?;
        worker.start().await?;
        let space = SPACE.into();
        for (name, role) in [("root", "admin"), ("eva", "operator"), ("ben", "operator")] {
            let with_role = |operator: &mut chatflow_core::Operator| {
                operator.roles.insert(role.to_owned());
            };
            worker.put_operator(&space, &name.into(), with_role).await?;
        }
        let team = |queue: &mut chatflow_core::Queue| {
            queue.members = ["eva".into(), "ben".into()].into();
            queue.rule = RoutingRule::Everybody;
            queue.acceptance = Acceptance::Offer { within: None };
        };
        worker.put_queue(&space, &"support".into(), team).await?;
        Ok(Self {
            worker,
            screen,
            lines: 0,
        })
    }

    /// Does what a line says, and gives what came of it.
    async fn line(&mut self, line: &str) -> Vec<String> {
        self.lines += 1;
        let key = format!("line:{}", self.lines);
        let done = match line.strip_prefix('!') {
            Some(line) => self.operator(&key, line).await,
            None => self.contact(&key, line).await,
        };
        if let Err(error) = done {
            self.screen.show(format!("no: {error}"));
        }
        // This program owns its loop: whatever is due by the line is done before the next one.
        while let Ok(1..) = self.worker.step().await {}
        let mut shown = std::mem::take(&mut *self.screen.lines());
        // Several operators are told at once.
        shown.sort_by_key(|line| line.contains(" hears: ").then(|| line.clone()));
        shown
    }

    async fn contact(&self, key: &str, line: &str) -> Result<(), Box<dyn std::error::Error>> {
        let (name, words) = line
            .split_once(": ")
            .ok_or("expected NAME: WORDS or !NAME ACT")?;
        let inbound = Inbound {
            key: key.into(),
            from: Address::new("hall", name),
            profile: Profile::default(),
            body: InboundBody::Message(Message::new(words)),
        };
        self.worker.receive(inbound).await?;
        Ok(())
    }

    async fn operator(&self, key: &str, line: &str) -> Result<(), Box<dyn std::error::Error>> {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (who, verb, contact, rest) = (next(), next(), next(), next());
        let desk = self.worker.desk(SPACE, who);
        let act = match verb {
            "on" => {
                desk.sign_in().await?;
                desk.declare(Availability::Active).await?;
                return Ok(());
            }
            "off" => return Ok(desk.declare(Availability::Inactive).await.map(drop)?),
            "list" => return self.list(&desk).await,
            "feed" => return self.feed(&desk, self.dialog(contact).await?).await,
            "accept" => OperatorAct::Accept,
            "decline" => OperatorAct::Decline,
            "say" => OperatorAct::Reply(rest.into()),
            "pass" => OperatorAct::Transfer {
                to: TransferTo::Operator(rest.into()),
                mode: None,
            },
            "close" => OperatorAct::Complete,
            _ => {
                return Err(
                    "expected on, off, list, feed, accept, decline, say, pass or close".into(),
                );
            }
        };
        desk.act(self.dialog(contact).await?, key, act).await?;
        Ok(())
    }

    async fn dialog(&self, contact: &str) -> Result<DialogId, Box<dyn std::error::Error>> {
        let address = Address::new("hall", contact);
        let dialog = self
            .worker
            .store()
            .find_dialog(&"desk".into(), &address)
            .await?;
        dialog.ok_or_else(|| format!("{contact} has not written yet").into())
    }

    /// An operator's panel: exactly what he may see.
    async fn list(&self, desk: &Desk<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let handled = |how| Filter::Handling(Some(how));
        let waits = handled(Handling::Offered).or(handled(Handling::Queued));
        let open = waits.or(handled(Handling::InProgress));
        for row in desk.list(&open, None, 100).await? {
            let how = row.row.handling.map_or("completed", Handling::label);
            self.screen
                .show(format!("{} is {how}", row.address.external_id()));
        }
        Ok(())
    }

    async fn feed(
        &self,
        desk: &Desk<'_>,
        dialog: DialogId,
    ) -> Result<(), Box<dyn std::error::Error>> {
        for entry in desk.feed(dialog, 0, 1000).await? {
            let line = match entry.item {
                FeedItem::Message(line) => {
                    let author = match &line.record.author {
                        Author::Contact => "contact".to_owned(),
                        Author::Operator(operator) => operator.to_string(),
                        _ => "bot".to_owned(),
                    };
                    format!("{author}: {}", line.record.message.text())
                }
                FeedItem::Change(fact) => match *fact {
                    Fact::SessionOpened {
                        number, handling, ..
                    } => format!("session {number} is open: {}", handling.label()),
                    Fact::SessionCompleted { number, cause, .. } => {
                        format!("session {number} is over: {}", cause.label())
                    }
                    Fact::HandlingChanged {
                        to: Handling::Offered,
                        ..
                    } => "it is offered".to_owned(),
                    Fact::AssigneeChanged {
                        to: Assignee::Operator(operator),
                        ..
                    } => format!("{operator} is responsible"),
                    Fact::AssigneeChanged { .. } => "nobody is responsible".to_owned(),
                    _ => continue,
                },
            };
            self.screen.show(line);
        }
        Ok(())
    }
}

/// The lines of this program's own comment that aren't answers.
fn script() -> impl Iterator<Item = &'static str> {
    let source = include_str!("support_desk.rs");
    let block = source
        .lines()
        .skip_while(|line| *line != "//! ```text")
        .skip(1);
    let block = block.take_while(|line| *line != "//! ```");
    let lines = block.filter_map(|line| line.strip_prefix("//! "));
    lines.filter(|line| !line.starts_with(' '))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut desk = SupportDesk::open().await?;
    let is_interactive = std::env::args().any(|arg| arg == "-i");
    if !is_interactive {
        for line in script() {
            println!("{line}");
            for shown in desk.line(line).await {
                println!("  {shown}");
            }
        }
        return Ok(());
    }
    eprintln!("contacts: NAME: WORDS; operators eva, ben and root: !eva on, off, list, feed NAME,");
    eprintln!("accept NAME, decline NAME, say NAME WORDS, pass NAME OPERATOR, close NAME");
    for line in io::stdin().lock().lines() {
        for shown in desk.line(line?.trim()).await {
            println!("  {shown}");
        }
        io::stdout().flush()?;
    }
    Ok(())
}
