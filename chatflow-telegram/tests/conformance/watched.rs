//! The channel as it is, with a note of whether anything it handed in was refused: from outside
//! that can't be seen, as the channel then waits and offers it again.

use async_trait::async_trait;
use chatflow_core::{
    Action, Address, Capabilities, Channel, ChannelId, Inbound, Ingest, IngestError, Ingested,
    ListenError, Media, MediaFile, Outbound, Pacing, RawInbound, Receipt, SendError,
};
use chatflow_telegram::Telegram;
use tokio::sync::watch;

pub(crate) struct Watched {
    pub(crate) telegram: Telegram,
    pub(crate) refused: watch::Sender<bool>,
}

struct Noting<'a> {
    inner: &'a dyn Ingest,
    refused: &'a watch::Sender<bool>,
}

#[async_trait]
impl Ingest for Noting<'_> {
    async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
        let taken = self.inner.receive(raw).await;
        if taken.is_err() {
            self.refused.send_replace(true);
        }
        taken
    }
}

#[async_trait]
impl Channel for Watched {
    fn id(&self) -> &ChannelId {
        self.telegram.id()
    }

    fn name(&self) -> &str {
        self.telegram.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.telegram.capabilities()
    }

    fn pacing(&self, to: &Address) -> Pacing {
        self.telegram.pacing(to)
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        self.telegram.decode(raw)
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        self.telegram.send(outbound).await
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        self.telegram.act(to, action).await
    }

    async fn fetch(&self, media: &Media) -> Result<MediaFile, SendError> {
        self.telegram.fetch(media).await
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        let noting = Noting {
            inner: ingest,
            refused: &self.refused,
        };
        self.telegram.listen(&noting).await
    }
}
