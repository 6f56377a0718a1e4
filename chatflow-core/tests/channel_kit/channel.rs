//! The adapter that talks to the fake outside: the scripted channel for what goes out, lines of
//! text for what comes in. It can have one bug.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::channel_kit::{Arrived, Failure};
use chatflow_core::{
    Action, Address, Capabilities, Channel, ChannelId, Inbound, InboundBody, Ingest, ListenError,
    Media, MediaKind, Message, Outbound, Pacing, Profile, RawInbound, Reach, Receipt, ReceiptState,
    Receipted, SendError, SendErrorClass,
};

use crate::bug::Bug;
use crate::fake::{Offered, SECRET, Shared};

/// The adapter under test.
pub(crate) struct FakeChannel {
    id: ChannelId,
    outside: Arc<Shared>,
    declared: Capabilities,
    decoded: AtomicU64,
    number: AtomicU64,
    has_failed: Mutex<bool>,
    held: Mutex<Option<Arrived>>,
}

impl FakeChannel {
    pub(crate) fn new(outside: Arc<Shared>) -> Self {
        let mut declared = outside.truth.clone();
        let longer = |most: &mut Option<usize>| *most = most.map(|most| most + 1);
        match outside.bug {
            Bug::LongerTexts => longer(&mut declared.text_max),
            Bug::ShorterTexts => declared.text_max = declared.text_max.map(|most| most - 1),
            Bug::LongerCaptions => longer(&mut declared.caption_max),
            Bug::LargerFiles => {
                for limits in declared.media.values_mut() {
                    limits.bytes_max = limits.bytes_max.map(|most| most + 1);
                }
            }
            _ => {}
        }
        Self {
            id: "fake".into(),
            outside,
            declared,
            decoded: AtomicU64::default(),
            number: AtomicU64::default(),
            has_failed: Mutex::default(),
            held: Mutex::default(),
        }
    }

    fn is(&self, bug: Bug) -> bool {
        self.outside.bug == bug
    }

    fn error(&self, class: SendErrorClass) -> SendError {
        let detail = match self.outside.bug {
            Bug::SecretInErrors => format!("https://example.org/{SECRET}/send"),
            _ => "the outside said no".to_owned(),
        };
        SendError::new(class, detail)
    }

    fn class_of(&self, failure: Failure) -> SendErrorClass {
        let transient = SendErrorClass::Transient { retry_after: None };
        match failure {
            Failure::Class(SendErrorClass::Transient { .. })
                if self.is(Bug::RetryAfterForgotten) =>
            {
                transient
            }
            Failure::Class(SendErrorClass::Blocked) if self.is(Bug::BlockedIsGone) => {
                SendErrorClass::Gone
            }
            Failure::Class(class) => class,
            Failure::UnknownRefusal if self.is(Bug::UnknownIsTransient) => transient,
            Failure::UnknownRefusal => SendErrorClass::Invalid,
            Failure::BeforeSending => transient,
            _ if self.is(Bug::LostAnswerIsFailure) => transient,
            _ => SendErrorClass::Ambiguous,
        }
    }

    fn fits(&self, message: &Message) -> bool {
        let truth = &self.outside.truth;
        let most = match message.media() {
            [] => truth.text_max,
            _ => truth.caption_max,
        };
        let files_fit = message.media().iter().all(|media| {
            let most = truth.media[&media.kind].bytes_max;
            media
                .bytes
                .is_none_or(|bytes| most.is_none_or(|most| bytes <= most))
        });
        files_fit && most.is_none_or(|most| truth.unit.count(message.text()) <= most)
    }

    fn arrives(&self, outbound: &Outbound<'_>) {
        let message = outbound.message;
        let mut text = message.text().to_owned();
        let mut choices: Vec<_> = message.choices().map(str::to_owned).collect();
        let mut media = message.media().len();
        let mut quotes = outbound.quotes.cloned();
        match self.outside.bug {
            Bug::LastLetterCut => drop(text.pop()),
            Bug::CaptionDropped if media > 0 => text.clear(),
            Bug::FirstMediaOnly => media = media.min(1),
            Bug::ChoicesReversed => choices.reverse(),
            Bug::QuoteLost => quotes = None,
            _ => {}
        }
        let arrived = Arrived {
            to: outbound.to.clone(),
            text,
            media,
            choices,
            quotes,
        };
        let mut inner = self.outside.inner();
        let is_new = inner.keys.insert((outbound.key, outbound.part));
        let is_once = self.outside.truth.idempotent_send && !self.is(Bug::KeyIgnored);
        if is_once && !is_new {
            return;
        }
        if self.is(Bug::TextDoubled) {
            inner.arrived.push(arrived.clone());
        }
        if self.is(Bug::HoldsOneBack) {
            let mut held = self.held.lock().unwrap();
            match held.take() {
                None => *held = Some(arrived),
                Some(first) => inner.arrived.extend([arrived, first]),
            }
            return;
        }
        inner.arrived.push(arrived);
    }
}

#[async_trait]
impl Channel for FakeChannel {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.declared
    }

    fn pacing(&self, to: &Address) -> Pacing {
        match self.outside.bug {
            Bug::OnePace => Pacing::private("all"),
            Bug::NoPace => {
                let n = self.number.fetch_add(1, Ordering::Relaxed);
                Pacing::private(format!("{n}"))
            }
            _ => Pacing::private(to.external_id()),
        }
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        let bytes = raw.body.as_bytes();
        if self.is(Bug::PanicsOverBytes) {
            assert!(std::str::from_utf8(bytes).is_ok(), "not UTF-8");
        }
        read(self.outside.bug, raw, bytes)
            .map(|(who, mut body)| {
                let n = self.decoded.fetch_add(1, Ordering::Relaxed);
                if self.is(Bug::DecodesImpurely) && n % 2 == 1 {
                    body = InboundBody::Message("odd".into());
                }
                let who = match self.outside.bug {
                    Bug::AnotherAddress => format!("{who}@fake"),
                    _ => who.to_owned(),
                };
                Inbound {
                    key: raw.key.clone(),
                    from: Address::new(self.id.clone(), who),
                    profile: Profile::default(),
                    body,
                }
            })
            .into_iter()
            .collect()
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        if self.is(Bug::TextInLog) {
            tracing::trace!(text = outbound.message.text(), "sending");
        }
        if *self.has_failed.lock().unwrap() && self.is(Bug::FailsEverAfter) {
            return Err(self.error(SendErrorClass::ChannelDown));
        }
        let failure = self.outside.inner().failures.pop_front();
        if let Some(failure) = failure {
            *self.has_failed.lock().unwrap() = true;
            match failure {
                Failure::Hang => {
                    self.outside.inner().hanging += 1;
                    std::future::pending::<()>().await;
                }
                Failure::AfterSending | Failure::Garbled => self.arrives(outbound),
                _ => {}
            }
            // The scripted channel answers with the class.
            let class = self.class_of(failure);
            self.outside.scripted.refuse_next(class);
            let answer = self.outside.scripted.send(outbound).await;
            return answer.map_err(|error| self.error(error.class));
        }
        if self.is(Bug::HangsAll) && self.outside.inner().hanging > 0 {
            return Err(self.error(SendErrorClass::Transient { retry_after: None }));
        }
        if !self.fits(outbound.message) {
            return Err(self.error(SendErrorClass::TooLarge));
        }
        self.arrives(outbound);
        self.outside.scripted.send(outbound).await
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        if self.is(Bug::CannotEdit) && matches!(action, Action::Edit { .. }) {
            return Err(self.error(SendErrorClass::Unsupported));
        }
        self.outside.scripted.act(to, action).await
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        loop {
            let Offered { report, body, door } = self.outside.next().await;
            let is_text = std::str::from_utf8(&body).is_ok();
            let dropped = match self.outside.bug {
                Bug::UnknownDropped => body.starts_with(b"dance"),
                Bug::GarbageDropped => !is_text,
                _ => false,
            };
            if dropped {
                self.outside.inner().acknowledged.insert(report);
                continue;
            }
            if self.is(Bug::AcknowledgedEarly) {
                self.outside.inner().acknowledged.insert(report);
            }
            let key = match self.outside.bug {
                Bug::KeyOfContent => {
                    format!("{:?}", body.iter().map(|b| u64::from(*b)).sum::<u64>())
                }
                Bug::KeyOfTheRun => format!("n{}", self.number.fetch_add(1, Ordering::Relaxed)),
                _ => format!("r{}", report.0),
            };
            let raw = RawInbound {
                channel: self.id.clone(),
                key: key.into(),
                body: body.into(),
            };
            let taken = ingest.receive(raw).await;
            let is_taken = match self.outside.bug {
                Bug::RefusedIsAcknowledged => true,
                Bug::NeverAcknowledged => false,
                _ => taken.is_ok(),
            };
            if is_taken {
                self.outside.inner().acknowledged.insert(report);
            }
            match (door, taken) {
                (Some(door), taken) => {
                    let status = match (self.outside.bug, taken) {
                        (Bug::RefusedIsFine, _) => 200,
                        (Bug::DurableIsRefused, _) => 503,
                        (_, Ok(_)) => 200,
                        (_, Err(_)) => 503,
                    };
                    let _ = door.send(status);
                }
                (None, Err(error)) if !is_taken => return Err(error.into()),
                (None, _) => {}
            }
        }
    }
}

/// Who did what, if the bytes say so.
fn read<'a>(bug: Bug, raw: &RawInbound, bytes: &'a [u8]) -> Option<(&'a str, InboundBody)> {
    let (head, body) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let mut words = head.split(' ');
    let (kind, who, album) = (words.next()?, words.next()?, words.next());
    let body = match bug {
        Bug::TrimsTexts => body.trim(),
        _ => body,
    };
    let named = |message: Message| message.with_external_id(format!("in-{}", raw.key));
    let message = |message: Message| InboundBody::Message(named(message));
    let receipt = |state| InboundBody::Receipt {
        of: Receipted::These(vec![body.into()]),
        state,
    };
    let photo = match bug {
        Bug::PhotosAreFiles => MediaKind::File,
        _ => MediaKind::Photo,
    };
    let photo = Message::new(body).with_media(Media::new(photo, "file-2"));
    let body = match kind {
        "text" => message(Message::new(body)),
        "press" if bug == Bug::PressIsTyped => message(Message::new(body)),
        "press" => message(Message::pressed(body)),
        "photo" => message(photo),
        "item" if bug == Bug::AlbumUnnamed => message(photo),
        "item" => message(photo.of_album(album?)),
        "start" if bug == Bug::StartForgotten => message(Message::new("/start")),
        "start" => InboundBody::Started {
            payload: Some(body.into()),
            message: named(Message::new("/start")),
        },
        "block" if bug != Bug::BlockUnknown => InboundBody::Reach(Reach::BlockedByContact),
        "unblock" if bug != Bug::UnblockUnknown => InboundBody::Reach(Reach::Ok),
        "move" if bug != Bug::MoveUnknown => InboundBody::Moved(Address::new("fake", body)),
        "delivered" => receipt(ReceiptState::Delivered),
        "read" if bug == Bug::ReadIsDelivered => receipt(ReceiptState::Delivered),
        "read" => receipt(ReceiptState::Read),
        _ => return None,
    };
    Some((who, body))
}
