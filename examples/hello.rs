//! ```text
//! > hi
//! < Hello! You said: hi
//! ```
use chatflow_core::{Bot, Chatflow, FlowBuilder, Message, Outcome, Step, StepContext, Terminal};
use chatflow_store_sqlite::SqliteStore;

struct Echo;

impl Step for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.say(format!("Hello! You said: {}", message.text()));
        Outcome::Wait
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flow = FlowBuilder::new("hello", 1).step("echo", Echo).build()?;
    Chatflow::builder(SqliteStore::open("hello.db")?)
        .bot(Bot::new("hello", flow), Terminal::new())
        .run()
        .await?;
    Ok(())
}
