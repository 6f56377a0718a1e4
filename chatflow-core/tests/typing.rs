//! What a contact is shown while something is being written.

mod outside;

use std::sync::Arc;

use async_trait::async_trait;
use chatflow_core::testing::ScriptedChannel;
use chatflow_core::{
    Action, Address, Capabilities, Channel, ChannelId, DeliveryState, Inbound, Ingest, ListenError,
    OperatorAct, Outbound, Rate, RawInbound, Receipt, SendError, SendErrorClass,
};
use futures::FutureExt;
use futures::executor::block_on;

use outside::{Outside, Play, Shop, quietly};

fn shop() -> Shop {
    Shop::of(&Outside::always(Play::Answers))
}

#[test]
fn fl_23_typing_is_shown_until_its_time() {
    let shop = shop();
    shop.types(9);
    shop.step();
    assert_eq!(shop.typed(), 1, "at once");
    shop.waits(3);
    assert_eq!(shop.typed(), 0, "messengers still show it");
    shop.waits(1);
    assert_eq!(shop.typed(), 1);
    shop.waits(4);
    assert_eq!(shop.typed(), 1);
    shop.waits_long();
    assert_eq!(shop.typed(), 0, "its time is over");
    assert!(shop.is_settled());
}

#[test]
fn fl_23_messages_go_beside_typing_and_what_is_late_is_not_shown() {
    let shop = shop();
    shop.types(60);
    shop.hears("say hi");
    shop.step();
    assert_eq!((shop.said().len(), shop.typed()), (1, 1));
    shop.waits(60);
    assert_eq!(shop.typed(), 0);
    assert!(shop.is_settled());
    let lines = block_on(shop.store.transcript(Shop::dialog(), None, 100)).unwrap();
    let states = lines.iter().filter_map(|line| line.delivery);
    assert!(states.eq([DeliveryState::Sent; 2]), "it is no message");
}

#[test]
fn fl_23_a_person_who_takes_over_ends_typing() {
    let shop = shop();
    shop.types(60);
    shop.step();
    assert_eq!(shop.typed(), 1);
    shop.acts(OperatorAct::Reply("Olga here".into()));
    shop.waits(4);
    assert_eq!(shop.typed(), 0);
    assert_eq!(shop.said(), ["Olga here"]);
    assert!(shop.is_settled());
}

#[test]
fn typing_that_fails_is_not_tried_again_and_changes_nothing() {
    for class in [
        SendErrorClass::Transient { retry_after: None },
        SendErrorClass::Ambiguous,
        SendErrorClass::Blocked,
        SendErrorClass::ChannelDown,
        SendErrorClass::Unsupported,
    ] {
        let shop = shop();
        shop.types(60);
        let before = shop.snapshot();
        shop.channel.refuse_next(class.clone());
        shop.step();
        shop.waits_long();
        assert_eq!(shop.typed(), 1, "{class:?}");
        assert!(shop.is_settled(), "{class:?}");
        assert_eq!(shop.snapshot(), before, "{class:?}");
    }
}

/// While a channel is down nothing is shown, and it goes on with what is left of its time.
#[test]
fn a_channel_that_rests_is_not_bothered_with_typing() {
    let shop = shop();
    shop.hears("say hi");
    shop.channel.refuse_next(SendErrorClass::ChannelDown);
    shop.step();
    shop.types(9);
    shop.step();
    assert_eq!(shop.typed(), 0, "it rests for a second");
    shop.waits(4);
    assert_eq!(shop.typed(), 1);
}

/// Typing takes none of the slots that messages need.
#[test]
fn typing_is_no_message_for_the_rates() {
    let shop = Shop::behind(|scripted| {
        let mut capabilities = Capabilities::text();
        capabilities.typing = true;
        let second = std::time::Duration::from_secs(1);
        capabilities.rates.address = Some(Rate::new(1, second));
        let before = Before::Works;
        Arc::new(Front {
            scripted,
            capabilities,
            before,
        })
    });
    shop.hears("nothing");
    shop.types(60);
    shop.hears("say one");
    shop.step();
    assert_eq!((shop.typed(), shop.said().len()), (1, 1));
    shop.waits(4);
    shop.hears("say two");
    shop.step();
    assert_eq!((shop.typed(), shop.said().len()), (1, 1));
}

#[test]
fn a_channel_without_typing_is_not_asked() {
    let shop = Shop::behind(|scripted| scripted);
    shop.types(60);
    shop.step();
    assert!(shop.channel.take_done().is_empty());
    assert!(shop.is_settled());
}

#[test]
fn a_channel_that_hangs_or_panics_over_typing_holds_nothing_up() {
    quietly();
    for before in [Before::Hangs, Before::Panics] {
        let shop = Shop::behind(|scripted| {
            let mut capabilities = Capabilities::text();
            capabilities.typing = true;
            Arc::new(Front {
                scripted,
                capabilities,
                before,
            })
        });
        shop.types(60);
        shop.hears("say hi");
        let mut step = Box::pin(shop.worker.step());
        let hangs = (&mut step).now_or_never().is_none();
        assert_eq!(hangs, before == Before::Hangs);
        assert_eq!(shop.said(), ["hi"], "messages don't wait for it");
        if hangs {
            shop.clock.advance(std::time::Duration::from_secs(4));
            assert!(step.now_or_never().is_some(), "given up");
        }
        assert!(shop.is_settled());
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Works,
    Hangs,
    Panics,
}

/// A scripted channel with capabilities of its own and trouble with typing.
struct Front {
    scripted: Arc<ScriptedChannel>,
    capabilities: Capabilities,
    before: Before,
}

#[async_trait]
impl Channel for Front {
    fn id(&self) -> &ChannelId {
        self.scripted.id()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        self.scripted.decode(raw)
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        self.scripted.send(outbound).await
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        match self.before {
            Before::Works => self.scripted.act(to, action).await,
            Before::Hangs => std::future::pending().await,
            Before::Panics => panic!("a provider's mistake"),
        }
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        self.scripted.listen(ingest).await
    }
}
