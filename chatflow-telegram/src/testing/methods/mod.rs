//! The methods, as Telegram's server carries them out.

mod about;
mod edit;
mod media;
mod poll;
mod send;
mod target;

use super::queue::Body;
use super::refusal::{Outcome, Reason};
use super::request::Call;
use super::server::Shared;
use super::world::World;

/// What comes back from a method.
pub(crate) enum Reply {
    Outcome(Outcome),
    /// A body of a test's own making.
    Bytes(Vec<u8>),
}

/// A method's name as the documentation writes it.
pub(crate) fn canonical(name: &str) -> Option<&'static str> {
    METHODS
        .iter()
        .find(|method| method.eq_ignore_ascii_case(name))
        .copied()
}

/// Carries out a call. Only `getUpdates` takes time.
pub(crate) async fn act(shared: &Shared, call: &Call) -> Reply {
    if call.method == "getupdates" && !shared.lock().logged_out {
        return match poll::get_updates(shared, call).await {
            Ok(Body::Bytes(bytes)) => Reply::Bytes(bytes),
            Ok(Body::Update(updates)) => Reply::Outcome(Ok(updates)),
            Err(refusal) => Reply::Outcome(Err(refusal)),
        };
    }
    Reply::Outcome(shared.change(|world| self::call(world, call)))
}

/// Carries out a call other than `getUpdates`.
pub(crate) fn call(world: &mut World, call: &Call) -> Outcome {
    if world.logged_out {
        return Err(world.refuse(Reason::LoggedOut));
    }
    match call.method.as_str() {
        "getme" => about::get_me(world),
        "getchat" => about::get_chat(world, call),
        "getchatmember" => about::get_chat_member(world, call),
        "getfile" => about::get_file(world, call),
        "getbusinessconnection" => about::get_business_connection(world, call),
        "readbusinessmessage" => about::read_business_message(world, call),
        "setmycommands" => about::set_my_commands(world, call),
        "logout" => about::log_out(world),
        "close" => Ok(true.into()),
        "answercallbackquery" => about::answer_callback_query(world, call),
        "setwebhook" => poll::set_webhook(world, call),
        "deletewebhook" => poll::delete_webhook(world, call),
        "getwebhookinfo" => poll::webhook_info(world),
        "sendmessage" => send::message(world, call),
        "sendlocation" => send::location(world, call),
        "sendcontact" => send::contact(world, call),
        "sendchataction" => send::chat_action(world, call),
        "sendphoto" => media::single(world, call, "photo"),
        "sendvideo" => media::single(world, call, "video"),
        "sendaudio" => media::single(world, call, "audio"),
        "sendvoice" => media::single(world, call, "voice"),
        "sendvideonote" => media::single(world, call, "video_note"),
        "senddocument" => media::single(world, call, "document"),
        "sendsticker" => media::single(world, call, "sticker"),
        "sendmediagroup" => media::album(world, call),
        "editmessagetext" => edit::text(world, call),
        "editmessagecaption" => edit::caption(world, call),
        "editmessagereplymarkup" => edit::reply_markup(world, call),
        "deletemessage" => edit::delete(world, call),
        "deletemessages" => edit::delete_many(world, call),
        _ => Err(world.refuse(Reason::MethodUnknown)),
    }
}

const METHODS: &[&str] = &[
    "getMe",
    "getUpdates",
    "setWebhook",
    "deleteWebhook",
    "getWebhookInfo",
    "sendMessage",
    "sendPhoto",
    "sendVideo",
    "sendAudio",
    "sendVoice",
    "sendVideoNote",
    "sendDocument",
    "sendSticker",
    "sendLocation",
    "sendContact",
    "sendMediaGroup",
    "sendChatAction",
    "editMessageText",
    "editMessageCaption",
    "editMessageReplyMarkup",
    "deleteMessage",
    "deleteMessages",
    "answerCallbackQuery",
    "getChatMember",
    "getChat",
    "getFile",
    "getBusinessConnection",
    "readBusinessMessage",
    "setMyCommands",
    "logOut",
    "close",
];
