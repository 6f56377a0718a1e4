//! The bugs, by the part of the contract that each breaks.

use chatflow_core::{
    Address, Assignee, CancelScope, RefusedEvent, Settled, Settlement, TimerChange, TurnCommit,
    Usage,
};

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bug {
    Nothing,
    // Commits.
    OneDefinitionOnly,
    AddressForgotten,
    OpeningOverwritesContact,
    JournalEmpty,
    MessageDropped,
    EffectDropped,
    EffectDoubled,
    TimerLost,
    LabelForgotten,
    VersionForgotten,
    StandingOfOneVersion,
    StandingOfAllBots,
    StandingStays,
    StandingLostByOpening,
    DialogsAtAnyVersion,
    AssigneeForgotten,
    KeyAcceptedAgain,
    RevisionBeforeKey,
    DuplicateRaisesRevision,
    StaleAccepted,
    ConflictConsumesKey,
    LaterTurnOpens,
    TakenAddressMoves,
    KeysIgnoreCase,
    KeysOfAllDialogs,
    TogetherOneIsLost,
    ConflictFailsNeighbour,
    CheckedBeforeWriting,
    ColumnsVisibleEarly,
    // Refusals.
    RefusalNotKept,
    RefusalLeavesKey,
    HandledForgotten,
    DueWhenDecided,
    DueALittleLater,
    CommittedKeyRefused,
    FirstRefusalNotKept,
    RefusalsNewestFirst,
    // Deliveries.
    AllListed,
    SecondBegins,
    BegunTwice,
    OneDialogAtATime,
    CallsWaitForMessages,
    AttemptNotCounted,
    UnknownIsCancelled,
    BegunEarly,
    RetryAtOnce,
    NextForgotten,
    DeadIsRetried,
    SentBeginsAgain,
    LateSettlementAccepted,
    FirstSettlementOnly,
    TurnSettlesNothing,
    RefusalSettlesNothing,
    DuplicateSettles,
    ConflictSettles,
    LimitIgnored,
    NewestFirst,
    ByIdBackwards,
    RecoverForgets,
    // Parts and tries.
    PartSentAgain,
    PartEndsMessage,
    PartsCountTogether,
    IdsSorted,
    LastIdOnly,
    FenceStopsParts,
    CancelTakesParts,
    EveryTryCounts,
    PutOffForgotten,
    PutOffTakesBegun,
    EditsGoBeside,
    // Revivals.
    ReviveForgets,
    ReviveSaysYes,
    RevivedGoesOnCounting,
    RevivedOvertakes,
    RevivedGoesLast,
    LostKeepsParts,
    LostKeepsIds,
    // Receipts.
    ReceiptsForgotten,
    ReceiptChangesAnything,
    ReceiptOfLatestForm,
    StateGoesBack,
    FailureForgotten,
    FailureStays,
    OneReason,
    UntilExcluded,
    UntilForgotten,
    FirstIdOnly,
    FirstFormFound,
    FoundInAnyDialog,
    OursNotFound,
    // Lanes.
    LimitOfAll,
    BroadcastsFirst,
    SkipIgnored,
    SkipTakesChannel,
    SkipTakesCalls,
    LaneForgotten,
    BroadcastStaysBehind,
    AddressNotNamed,
    // What is handed out.
    AboutForgotten,
    AboutWithoutIds,
    AboutHasOneId,
    AboutGoesWithBody,
    IdsMoveToNewForm,
    HeardAtForgotten,
    HeardAtEveryTurn,
    // Moves.
    MoveForgotten,
    OldAddressForgotten,
    WaitingStaysBehind,
    DeliveredToFirstAddress,
    TakenAddressPassedOver,
    // Reports.
    RawOfTurnForgotten,
    RawOfRefusalForgotten,
    RawReplaced,
    UnclaimedTwice,
    UnclaimedOfOneChannel,
    UnclaimedNewestFirst,
    SourceStays,
    SourceOfAnyBot,
    // Cancelling and fences.
    CancelIgnored,
    CancelSparesPeople,
    CancelSparesNobody,
    CancelTakesOwn,
    CancelTakesBegun,
    CancelledNotNamed,
    CancelAlways,
    SettledAfterCancelling,
    FenceForgotten,
    FenceStopsPeople,
    CanSendForgotten,
    ContactBlockForgotten,
    ContactBlockStays,
    PatchFenced,
    // Timers.
    TimerEarly,
    CancelledTimerKept,
    ReplacedTimerKept,
    OneTimerADialog,
    LimitShared,
    // Contacts.
    ContactSavedBlindly,
    ContactMaySkip,
    TagsForgotten,
    PatchForgotten,
    PatchAppliedAgain,
    PatchAlwaysRaises,
    // Dialogs that lag.
    LagForgotten,
    LagOfOneBot,
    LagOfEverybody,
    LagByConflict,
    LagNeverEnds,
    LagEndsAtOnce,
    LagEndsByRefusal,
    LagEndsByConflict,
    OpenedBehindForgotten,
    PatchLagsNobody,
    PatchLagsItself,
    OwnPatchEndsLag,
    LagBackwards,
    LagUnbounded,
    LagLostByOpening,
    TagsUnbounded,
    // Bots.
    PauseForgotten,
    PauseSaysYes,
    PauseMoves,
    PauseOfAllBots,
    PauseNotLoaded,
    HeldListed,
    HeldTimersListed,
    HeldCounted,
    HeldHides,
    HeldBegins,
    RetriesGoInPause,
    PauseHoldsPatches,
    PauseHoldsPeople,
    HeldStaysFirst,
    ReleaseForgotten,
    ReleaseMovesDue,
    DecidedInPauseGoes,
    PauseEndsNothing,
    UsageForgotten,
    UsageOfRefusedForgotten,
    UsageOfLastTurn,
    UsageOfAllBots,
    UsageInFloats,
    UsageWraps,
    UsageOfConflicts,
    UsageLostByOpening,
    PauseLostByOpening,
    UnderWayForgotten,
    UnderWayAlways,
    UnderWayWithCalls,
    UnderWayOnlyInFlight,
    // Typing and reports.
    ReportsFenced,
    ReportsBlocked,
    ReportsCancelled,
    TypingNotCancelled,
    TypingThroughBlock,
    // Queries.
    DialogsOfAnybody,
    PageLosesRow,
    TranscriptLeaks,
    SentLooksReady,
    OutboxOutOfOrder,
    PageUnbounded,
    AddressOfAnyBot,
    CountersOfAllBots,
    ZeroCounted,
    CounterStands,
    CounterDriftsOnBlock,
    // Operators and guards.
    OperatorConflictOverwrites,
    OperatorMaySkip,
    RolesForgotten,
    OperatorsOfAllSpaces,
    LoadNeverFreed,
    LoadOfNewRowForgotten,
    LoadLostBySaving,
    LoadOfAllSpaces,
    CapacityIgnored,
    CapacityForAnybody,
    CapacityForHolder,
    CapacityCheckedBefore,
    GuardRevisionIgnored,
    GuardOfUnknownHolds,
    QueueGuardIgnored,
    QueueGuardOfNone,
    GuardsBeforeKey,
    GuardsBeforeRevision,
    FullConsumesKey,
    FullSettles,
    MissedForgotten,
    MissedOfDuplicates,
    MissedLostBySaving,
    // Queues.
    QueueConflictOverwrites,
    QueueMaySkip,
    RepliesForgotten,
    QueuesOfAllSpaces,
    MembersWithRowOnly,
    MembersWithoutLoad,
    MembersOfAnySpace,
    GivenForgotten,
    GivenBackwards,
    GivenToOne,
    WaitingById,
    WaitingSinceTheTurn,
    WaitingStays,
    WaitingOfSavedQueues,
    WaitingInAllSpaces,
    FreedPlaceStirsNothing,
    FreedPlaceStirsAll,
    TakenPlaceStirs,
    OfferedBesideStirsNothing,
    HandlingStirsNothing,
    NewWaitStirsNothing,
    OtherMomentStirsNothing,
    OfferStirsNothing,
    OfferEndStirsNothing,
    TermsStirNothing,
    NewerTermsStir,
    EveryTurnStirs,
    LeavingStirs,
    SavedOperatorStirsNothing,
    SavedQueueStirsNothing,
    ConflictStirs,
    NotedNothing,
    NotedAsOfNow,
    OlderNoteTakesBack,
    NoteHidesLater,
    StirsLostByOpening,
    DueQueuesBackwards,
    NobodyLeaves,
    LeavesEarly,
    LeavesById,
    LeavesUncounted,
    // Sessions and lists.
    SessionsLoseCompleted,
    TwoSessionsOpen,
    SessionsStayAsTheyWere,
    SessionsLostByOpening,
    ParticipantsForgotten,
    TermsForgotten,
    LineForgotten,
    NotIsIgnored,
    AnyOfNoneIsAll,
    AllIsAny,
    SpaceIsIgnored,
    LineIsIgnored,
    NoSessionIsAnySession,
    NobodyIsNotFound,
    OffersAreNotFound,
    AcknowledgedIsIgnored,
    WideFilterIsCut,
    CountOfPage,
    // Restarts.
    AllLost,
    SettledTooLate,
    RecoveredByOpening,
    KeysLostByOpening,
    TimersLostByOpening,
    PartsLostByOpening,
    ReceiptsLostByOpening,
    SourcesLostByOpening,
}

impl Bug {
    /// Puts the bug's fault into a turn.
    pub(crate) fn spoil(self, turn: &mut TurnCommit) {
        let sets = |change: &TimerChange| matches!(change, TimerChange::Set { .. });
        match self {
            Self::AddressForgotten => {
                if let Some(opened) = &mut turn.opened {
                    opened.address = Address::new("elsewhere", opened.address.external_id());
                }
            }
            Self::JournalEmpty => turn.journal.clear(),
            Self::MessageDropped => drop(turn.messages.pop()),
            Self::EffectDropped => drop(turn.effects.pop()),
            Self::EffectDoubled => {
                let copy = turn.effects.first().cloned();
                turn.effects.extend(copy.map(|mut effect| {
                    effect.id.n += 900;
                    effect
                }));
            }
            Self::TimerLost => turn.timers.retain(|change| !sets(change)),
            Self::CancelledTimerKept => turn.timers.retain(sets),
            Self::ReplacedTimerKept | Self::OneTimerADialog => {
                for change in &mut turn.timers {
                    if let TimerChange::Set {
                        name, generation, ..
                    } = change
                    {
                        *name = match self {
                            Self::OneTimerADialog => "step".to_owned(),
                            _ => format!("{name} {generation}"),
                        };
                    }
                }
            }
            Self::LabelForgotten => turn.row.label = None,
            Self::VersionForgotten => turn.row.version = None,
            Self::AssigneeForgotten => turn.row.assignee = Assignee::Nobody,
            Self::KeysIgnoreCase => turn.key = turn.key.as_str().to_lowercase().into(),
            Self::FenceForgotten => turn.row.fence = 0,
            Self::CanSendForgotten => turn.row.can_send = true,
            Self::FenceStopsPeople => {
                for effect in &mut turn.effects {
                    effect.automatic = true;
                }
            }
            Self::DueALittleLater => turn.due += std::time::Duration::from_millis(1),
            Self::DueWhenDecided => turn.due = turn.at,
            Self::LagEndsAtOnce => turn.row.contact_revision = u64::MAX >> 1,
            Self::OpenedBehindForgotten if turn.opened.is_some() => {
                turn.row.contact_revision = u64::MAX >> 1;
            }
            Self::CancelIgnored => turn.cancel = None,
            Self::CancelAlways => turn.cancel = Some(CancelScope::Automatic),
            Self::CancelSparesPeople => {
                turn.cancel = turn.cancel.map(|_| CancelScope::Automatic);
            }
            Self::CancelSparesNobody => turn.cancel = turn.cancel.map(|_| CancelScope::Messages),
            Self::HeardAtForgotten => turn.row.heard_at = None,
            Self::HeardAtEveryTurn => turn.row.heard_at = Some(turn.at),
            Self::UsageForgotten => turn.usage = Usage::default(),
            Self::MoveForgotten => turn.moved = None,
            Self::RawOfTurnForgotten => turn.raw = None,
            Self::TurnSettlesNothing => turn.settlement = None,
            Self::PatchForgotten => {
                if let Some(settlement) = &mut turn.settlement {
                    forget_patch(settlement);
                }
            }
            _ => {}
        }
    }
}

/// Turns a patch that was delivered into a plain end.
pub(crate) fn forget_patch(settlement: &mut Settlement) {
    if let Settled::Patched(_) = settlement.settled {
        settlement.settled = Settled::Sent { ids: Vec::new() };
    }
}

/// A refusal that consumes a turn's key.
pub(crate) fn of_turn(turn: TurnCommit) -> RefusedEvent {
    RefusedEvent {
        dialog: turn.dialog,
        key: turn.key,
        at: turn.at,
        reason: String::new(),
        event: Vec::new(),
        settlement: None,
        raw: None,
        usage: None,
    }
}
