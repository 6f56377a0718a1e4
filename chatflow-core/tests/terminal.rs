//! The terminal channel: what it hands in, what it says of lines it can't, how it writes.

use std::io::Write;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::block_on;
use chatflow_core::{
    Address, Channel, DialogId, EffectId, InboundBody, Ingest, IngestError, Ingested, ListenError,
    Media, MediaKind, Message, Outbound, RawInbound, SendErrorClass, Terminal, TerminalOutput,
};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes what comes in, and answers some lines with an error.
#[derive(Default)]
struct Desk(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Ingest for Desk {
    async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
        let terminal = Terminal::with(std::io::empty(), std::io::sink(), std::io::sink());
        let [inbound] = terminal.decode(&raw).try_into().unwrap();
        let InboundBody::Message(message) = &inbound.body else {
            panic!("only messages")
        };
        match message.text() {
            "long" => Ok(Ingested::Refused),
            "busy" => Ok(Ingested::Unclaimed),
            "away" => Err(IngestError::Unavailable {
                source: "it is away".into(),
            }),
            text => {
                let mut taken = self.0.lock().unwrap();
                taken.push((inbound.key.as_str().to_owned(), text.to_owned()));
                Ok(Ingested::Handled)
            }
        }
    }
}

fn listen(input: &'static [u8]) -> (Vec<(String, String)>, String, Result<(), ListenError>) {
    let notices = Paper::default();
    let terminal = Terminal::with(input, std::io::sink(), notices.clone()).run("r");
    let desk = Desk::default();
    let ended = block_on(terminal.listen(&desk));
    (desk.0.into_inner().unwrap(), notices.text(), ended)
}

#[test]
fn a_lines_key_is_the_run_and_its_number() {
    let (taken, notices, ended) = listen(b"hi\r\n\nlast");
    let wanted = [("line:r:1", "hi"), ("line:r:2", ""), ("line:r:3", "last")];
    assert_eq!(
        taken,
        wanted.map(|(key, text)| (key.to_owned(), text.to_owned()))
    );
    assert_eq!(notices, "");
    ended.unwrap();
}

#[test]
fn a_line_that_is_not_taken_holds_no_other_up() {
    let (taken, notices, ended) = listen(b"long\nbusy\n\xff\nhi\n");
    assert_eq!(taken, [("line:r:4".to_owned(), "hi".to_owned())]);
    for (number, words) in [(1, "limit"), (2, "later"), (3, "isn't UTF-8")] {
        let sentence = notices.lines().nth(number - 1).unwrap();
        assert!(
            sentence.starts_with(&format!("line {number} was not taken: ")),
            "{sentence}"
        );
        assert!(sentence.contains(words), "{sentence}");
    }
    ended.unwrap();
}

#[test]
fn where_nothing_can_be_stored_it_stops() {
    let (taken, _, ended) = listen(b"away\nhi\n");
    assert!(
        taken.is_empty(),
        "what follows is not lost: it was never taken"
    );
    assert!(matches!(ended, Err(ListenError::Ingest(_))), "{ended:?}");
}

fn written(style: TerminalOutput, message: &Message) -> String {
    let paper = Paper::default();
    let terminal = Terminal::with(std::io::empty(), paper.clone(), std::io::sink()).output(style);
    let to = Address::new("terminal", "you");
    let key = EffectId {
        dialog: DialogId::from_bytes([0; 16]),
        turn: 1,
        n: 1,
    };
    block_on(terminal.send(&Outbound {
        to: &to,
        message,
        quotes: None,
        key,
        part: 0,
        attempt: 1,
    }))
    .unwrap();
    paper.text()
}

#[test]
fn plain_is_one_line_a_message() {
    let message = Message::new("Hi!\nYes or\r\nno?").with_choices(["yes", "no"]);
    assert_eq!(
        written(TerminalOutput::Plain, &message),
        "bot: Hi!\\nYes or\\nno? [yes | no]\n"
    );
    assert_eq!(
        written(TerminalOutput::Plain, &Message::new("Hi")),
        "bot: Hi\n"
    );
    assert_eq!(
        written(TerminalOutput::Pretty, &message),
        "Hi!\nYes or\r\nno?\n  [yes | no]\n"
    );
}

#[test]
fn media_are_shown_by_kind_and_reference() {
    let shop = Media::new(MediaKind::Photo, "shop.jpg");
    let message = Message::new("Our shop").with_media(shop.clone());
    assert_eq!(
        written(TerminalOutput::Plain, &message),
        "bot: [photo shop.jpg] Our shop\n"
    );
    assert_eq!(
        written(TerminalOutput::Pretty, &message),
        "[photo shop.jpg]\nOur shop\n"
    );
    let alone = Message::media_of(shop);
    assert_eq!(
        written(TerminalOutput::Pretty, &alone),
        "[photo shop.jpg]\n"
    );
}

#[test]
fn an_output_that_is_gone_is_a_channel_that_is_down() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let terminal = Terminal::with(std::io::empty(), Gone, std::io::sink());
    let to = Address::new("terminal", "you");
    let message = Message::new("secret");
    let key = EffectId {
        dialog: DialogId::from_bytes([0; 16]),
        turn: 1,
        n: 1,
    };
    let outbound = Outbound {
        to: &to,
        message: &message,
        quotes: None,
        key,
        part: 0,
        attempt: 1,
    };
    let error = block_on(terminal.send(&outbound)).unwrap_err();
    assert_eq!(error.class, SendErrorClass::ChannelDown);
    assert!(!error.to_string().contains("secret"));
}
