//! A model behind the steps `ai_route` and `ai_reply`. This one knows a few words and needs no
//! network; one that asks a real model has the same two lines to fill in.
//!
//! ```text
//! > how much is the lamp?
//! < The lamp is 20 EUR.
//! > and the chair?
//! < The chair is 35 EUR.
//! > let me talk to a person
//! < A colleague will write to you.
//! ```

use async_trait::async_trait;
use chatflow_core::{
    AiReply, AiRoute, Bot, Chatflow, EffectId, FinishStatus, FlowBuilder, FlowDefinition,
    FlowError, MemoryStore, ModelProvider, ModelPurpose, ModelReply, ModelRequest, PortError,
    SendMessage, Side, Terminal,
};

/// A model that looks for words.
struct Clerk;

#[async_trait]
impl ModelProvider for Clerk {
    async fn complete(
        &self,
        _key: EffectId,
        request: &ModelRequest,
    ) -> Result<ModelReply, PortError> {
        // The history ends with what is to be answered; `request.system` says what is wanted.
        let heard = request.history.iter().rev();
        let heard = heard.filter(|message| message.side == Side::Contact);
        let heard = heard.map(|message| message.text.as_str()).next();
        let heard = heard.unwrap_or_default().to_lowercase();
        let text = match &request.purpose {
            ModelPurpose::Route(_) if heard.contains("person") => "person",
            ModelPurpose::Route(_) => "question",
            _ if heard.contains("lamp") => "The lamp is 20 EUR.",
            _ if heard.contains("chair") => "The chair is 35 EUR.",
            _ => "We have lamps and chairs.",
        };
        // A real one says here how many tokens it read and wrote.
        Ok(ModelReply::new(text).used(0, 0))
    }
}

fn flow() -> Result<FlowDefinition, FlowError> {
    FlowBuilder::new("shop", 1)
        .step(
            "topic",
            AiRoute::new()
                .branch("question", "asks about our goods")
                .branch("person", "wants to talk to a person"),
        )
        .exit("otherwise", "person")
        .step("question", AiReply::to("Answer with the price"))
        .exit("next", "topic")
        .step(
            "person",
            SendMessage::text("A colleague will write to you."),
        )
        .finish(FinishStatus::Manual)
        .build()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Chatflow::builder(MemoryStore::new())
        .bot(Bot::new("shop", flow()?), Terminal::new())
        .model(Clerk)
        .run()
        .await?;
    Ok(())
}
