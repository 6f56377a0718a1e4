//! What can be wrong with a channel.

/// One broken promise of the adapter in `fake.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bug {
    Nothing,
    // What comes in.
    PanicsOverBytes,
    DecodesImpurely,
    TrimsTexts,
    AnotherAddress,
    PressIsTyped,
    PhotosAreFiles,
    AlbumUnnamed,
    StartForgotten,
    UnknownDropped,
    GarbageDropped,
    KeyOfContent,
    KeyOfTheRun,
    NewestFirst,
    BlockUnknown,
    UnblockUnknown,
    MoveUnknown,
    // The acknowledgement.
    AcknowledgedEarly,
    RefusedIsAcknowledged,
    NeverAcknowledged,
    // What goes out.
    LastLetterCut,
    TextDoubled,
    CaptionDropped,
    FirstMediaOnly,
    ChoicesReversed,
    QuoteLost,
    KeyIgnored,
    HoldsOneBack,
    // What is declared.
    LongerTexts,
    ShorterTexts,
    LargerFiles,
    LongerCaptions,
    CannotEdit,
    ReadIsDelivered,
    // What fails.
    UnknownIsTransient,
    LostAnswerIsFailure,
    RetryAfterForgotten,
    BlockedIsGone,
    FailsEverAfter,
    HangsAll,
    // The rate.
    OnePace,
    NoPace,
    // Secrets.
    SecretInDebug,
    SecretInErrors,
    TextInLog,
    // The webhook.
    AnySecret,
    SecretsBeginning,
    AnySize,
    GarbageIsOurFault,
    RefusedIsFine,
    DurableIsRefused,
}
