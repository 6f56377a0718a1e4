use chatflow_telegram::testing::{FakeTelegram, Settings};
use reqwest::multipart::Form;
use serde_json::{Value, json};

/// A contact who has started the bot.
pub(crate) const ANNA: i64 = 5_000_001;
/// What an empty poll gives.
pub(crate) const NONE: [i64; 0] = [];
/// Another one.
pub(crate) const BORIS: i64 = 5_000_002;

/// A server and a client of it that knows no rules.
#[derive(Clone)]
pub(crate) struct Bot {
    pub(crate) telegram: FakeTelegram,
    pub(crate) client: reqwest::Client,
}

impl Bot {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let telegram = FakeTelegram::start(settings).await;
        telegram.start_chat(ANNA);
        telegram.start_chat(BORIS);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { telegram, client }
    }

    pub(crate) fn address(&self, method: &str) -> String {
        format!(
            "{}/bot{}/{method}",
            self.telegram.url(),
            self.telegram.token()
        )
    }

    /// The status and the body of a call.
    pub(crate) async fn call(&self, method: &str, params: Value) -> (u16, Value) {
        let request = self.client.post(self.address(method)).json(&params);
        answer(request.send().await.unwrap()).await
    }

    /// The same, for a call that sends files.
    pub(crate) async fn upload(&self, method: &str, form: Form) -> (u16, Value) {
        let request = self.client.post(self.address(method)).multipart(form);
        answer(request.send().await.unwrap()).await
    }

    /// The result of a call that is done.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let (status, body) = self.call(method, params).await;
        assert_eq!((status, &body["ok"]), (200, &json!(true)), "{body}");
        body["result"].clone()
    }

    /// The code and the text of a call that is refused.
    pub(crate) async fn refusal(&self, method: &str, params: Value) -> (u16, String) {
        refusal(self.call(method, params).await)
    }

    pub(crate) async fn send(&self, chat_id: i64, text: &str) -> (u16, Value) {
        let params = json!({ "chat_id": chat_id, "text": text });
        self.call("sendMessage", params).await
    }

    /// The ids of the updates that a poll gives, which doesn't wait.
    pub(crate) async fn poll(&self, offset: i64) -> Vec<i64> {
        let updates = self.result("getUpdates", json!({ "offset": offset })).await;
        ids(&updates)
    }
}

pub(crate) fn refusal((status, body): (u16, Value)) -> (u16, String) {
    assert_eq!(body["ok"], json!(false), "{body}");
    assert_eq!(body["error_code"], json!(status), "{body}");
    let text = body["description"].as_str().unwrap().to_owned();
    (status, text)
}

pub(crate) fn bad_request(text: &str) -> (u16, String) {
    (400, format!("Bad Request: {text}"))
}

pub(crate) fn forbidden(text: &str) -> (u16, String) {
    (403, format!("Forbidden: {text}"))
}

pub(crate) fn ids(updates: &Value) -> Vec<i64> {
    let updates = updates.as_array().unwrap();
    let id = |update: &Value| update["update_id"].as_i64().unwrap();
    updates.iter().map(id).collect()
}

pub(crate) async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| json!({ "unreadable": text })),
    )
}
