//! What a rate limiter must keep, on a virtual clock.

use proptest::prelude::*;

use super::*;

/// So many microseconds after the start: finer than the answers, as real clocks are.
fn at(micros: i64) -> Moment {
    time::from_millis(1_700_000_000_000) + chrono::Duration::microseconds(micros)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn after(moment: Moment, period: Duration) -> Moment {
    time::add(moment, period)
}

/// The addresses 0 to 3 are private, 4 and 5 groups.
fn pacing(who: u8) -> Pacing {
    Pacing {
        key: who.to_string().into(),
        is_group: who > 3,
    }
}

/// Something that happens so many microseconds after what came before.
#[derive(Debug, Clone)]
struct Happening {
    after: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Take(u8, SendLane),
    Penalise(u8, u32),
    Pause(u32),
}

fn lanes() -> impl Strategy<Value = SendLane> {
    prop_oneof![Just(SendLane::Reply), Just(SendLane::Broadcast)]
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    // Mostly in quick succession; sometimes long after, sometimes the clock steps back.
    let after = prop_oneof![
        6 => 0..20_000_i64,
        2 => 0..3_000_000_i64,
        1 => -3_000_000..0_i64,
    ];
    let what = prop_oneof![
        20 => (0..6_u8, lanes()).prop_map(|(who, lane)| What::Take(who, lane)),
        2 => (0..6_u8, 0..5_000_000_u32).prop_map(|(who, micros)| What::Penalise(who, micros)),
        1 => (0..3_000_000_u32).prop_map(What::Pause),
    ];
    let happening = (after, what).prop_map(|(after, what)| Happening { after, what });
    prop::collection::vec(happening, 0..200)
}

fn rates() -> impl Strategy<Value = Option<Rate>> {
    let rate = (0..9_u32, 0..4_000_000_u64)
        .prop_map(|(count, micros)| Rate::new(count, Duration::from_micros(micros)));
    prop::option::weighted(0.8, rate)
}

fn limits() -> impl Strategy<Value = RateLimits> {
    (rates(), rates(), rates()).prop_map(|(channel, address, group)| RateLimits {
        channel,
        address,
        group,
    })
}

/// Lets it all happen; `asked` sees the limiter before and after each question.
fn play(
    limits: RateLimits,
    happenings: &[Happening],
    mut asked: impl FnMut(&RateLimiter, Moment, &What, Slot),
) {
    let mut limiter = RateLimiter::new(limits);
    let mut now = 0;
    for Happening { after, what } in happenings {
        now += after;
        match *what {
            What::Take(who, lane) => {
                let slot = limiter.take(&pacing(who), lane, at(now));
                asked(&limiter, at(now), what, slot);
            }
            What::Penalise(who, micros) => {
                limiter.penalise(&pacing(who), at(now + i64::from(micros)), at(now));
            }
            What::Pause(micros) => limiter.pause(at(now + i64::from(micros))),
        }
    }
}

/// Whether no window of the rate's length, wherever it begins, has too many of these in it.
fn keeps(rate: Option<Rate>, taken: &[Moment]) -> bool {
    rate.is_none_or(|rate| {
        let too_many = |first: &Moment| {
            let end = after(*first, rate.per);
            let within = taken
                .iter()
                .filter(|taken| *first <= **taken && **taken < end);
            within.count() > rate.count.max(1) as usize
        };
        !taken.iter().any(too_many)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_is_above_any_limit(limits in limits(), happenings in happenings()) {
        let mut taken: Vec<(Moment, u8, SendLane)> = Vec::new();
        play(limits, &happenings, |limiter, _, what, slot| {
            if let (What::Take(who, lane), Slot::Taken) = (what, slot) {
                taken.push((limiter.latest, *who, *lane));
            }
        });
        let times = |which: &dyn Fn(u8, SendLane) -> bool| -> Vec<Moment> {
            let chosen = taken.iter().filter(|(_, who, lane)| which(*who, *lane));
            chosen.map(|(at, ..)| *at).collect()
        };
        prop_assert!(keeps(limits.channel, &times(&|_, _| true)));
        for who in 0..6 {
            let of = times(&|other, _| other == who);
            prop_assert!(keeps(limits.address, &of), "address {who}");
            prop_assert!(who < 4 || keeps(limits.group, &of), "group {who}");
        }
        if let Some(rate) = limits.channel {
            let share = (rate.count * 5 / 6).max(1);
            let broadcasts = times(&|_, lane| lane == SendLane::Broadcast);
            prop_assert!(keeps(Some(Rate::new(share, rate.per)), &broadcasts));
            for pair in broadcasts.windows(2) {
                let between = (pair[1] - pair[0]).to_std().unwrap();
                prop_assert!(between * share >= rate.per);
            }
        }
    }

    #[test]
    fn nothing_passes_a_penalty_or_a_pause(limits in limits(), happenings in happenings()) {
        let mut limiter = RateLimiter::new(limits);
        let mut now = 0;
        let mut latest = i64::MIN;
        let mut paused = i64::MIN;
        let mut penalised = [i64::MIN; 6];
        for Happening { after, what } in happenings {
            now += after;
            match what {
                What::Take(who, lane) => {
                    latest = latest.max(now);
                    if limiter.take(&pacing(who), lane, at(now)) == Slot::Taken {
                        prop_assert!(penalised[usize::from(who)] <= latest);
                        prop_assert!(paused <= latest);
                    }
                }
                What::Penalise(who, micros) => {
                    latest = latest.max(now);
                    let until = &mut penalised[usize::from(who)];
                    *until = (*until).max(now + i64::from(micros));
                    limiter.penalise(&pacing(who), at(now + i64::from(micros)), at(now));
                }
                What::Pause(micros) => {
                    paused = paused.max(now + i64::from(micros));
                    limiter.pause(at(now + i64::from(micros)));
                    let told = limiter.paused_until(at(now));
                    prop_assert_eq!(told.is_some(), limiter.paused_until > at(latest.max(now)));
                    prop_assert!(told.is_none_or(|told| told >= at(paused)));
                }
            }
        }
    }

    #[test]
    fn an_answer_is_honest(limits in limits(), happenings in happenings()) {
        play(limits, &happenings, |limiter, now, what, slot| {
            let What::Take(who, lane) = *what else { return };
            let Some(until) = slot.until() else { return };
            assert!(until > now);
            assert!(until > limiter.latest);
            assert_eq!(until, time::whole_milliseconds(until));
            assert!(until <= after(limiter.latest, millis(10_000)), "not for ever");
            // Nobody else asks: then it holds, and no millisecond earlier.
            assert_eq!(limiter.clone().take(&pacing(who), lane, until), Slot::Taken);
            let earlier = until - chrono::Duration::milliseconds(1);
            assert_ne!(limiter.clone().take(&pacing(who), lane, earlier), Slot::Taken);
            // And it says truly who is busy: somebody new has only the channel's limits.
            let newcomer = limiter.clone().take(&pacing(99), lane, now);
            match slot {
                Slot::ChannelBusy { .. } => assert_eq!(newcomer, slot),
                _ => assert!(newcomer.until().is_none_or(|other| other <= until)),
            }
        });
    }

    /// One address is flooded: it is asked for at every turn and is penalised again and again.
    #[test]
    fn one_flooded_address_delays_no_other(
        limits in limits(),
        happenings in happenings(),
        lane in lanes(),
        floods in 1..5_usize,
    ) {
        let flooded = pacing(77);
        let mut calm = RateLimiter::new(limits);
        let mut flood = RateLimiter::new(limits);
        let mut now = 0;
        for Happening { after, what } in happenings {
            let What::Take(who, of) = what else { continue };
            now += after;
            flood.penalise(&flooded, at(now + 60_000_000), at(now));
            for _ in 0..floods {
                let slot = flood.take(&flooded, lane, at(now));
                let is_alone_busy = matches!(slot, Slot::AddressBusy { .. });
                prop_assert!(is_alone_busy, "{slot:?}");
            }
            let expected = calm.take(&pacing(who), of, at(now));
            prop_assert_eq!(flood.take(&pacing(who), of, at(now)), expected);
        }
    }

    /// Its own limit alone holds a flooded address back, too.
    #[test]
    fn one_busy_address_delays_no_other(
        address in rates(),
        group in rates(),
        happenings in happenings(),
    ) {
        let limits = RateLimits { channel: None, address, group };
        let mut calm = RateLimiter::new(limits);
        let mut flood = RateLimiter::new(limits);
        let mut now = 0;
        for Happening { after, what } in happenings {
            let What::Take(who, lane) = what else { continue };
            now += after;
            for _ in 0..3 {
                let _ = flood.take(&pacing(77), lane, at(now));
            }
            let expected = calm.take(&pacing(who), lane, at(now));
            prop_assert_eq!(flood.take(&pacing(who), lane, at(now)), expected);
        }
    }
}

/// Ten thousand broadcasts, each to another address, and replies that come when they like, but
/// never more in a window than are reserved for them. Answers how long each reply waited and how
/// long the broadcast took.
fn broadcast(rate: Rate, reply_gaps: &[u64]) -> (Vec<Duration>, Duration) {
    let reserved = (rate.count - (rate.count * 5 / 6).max(1)) as usize;
    let mut limiter = RateLimiter::new(RateLimits {
        channel: Some(rate),
        address: Some(Rate::new(1, millis(1000))),
        group: None,
    });
    let mut gaps = reply_gaps.iter().cycle();
    let mut came: VecDeque<Moment> = VecDeque::new();
    let mut waits = Vec::new();
    // A reply: when it came, and when to ask for it.
    let mut reply = (at(0), at(0));
    let mut ask = at(0);
    let mut sent = 0;
    while sent < 10_000 {
        if reply.1 <= ask {
            let key = Pacing::private(format!("reply {}", waits.len()));
            match limiter.take(&key, SendLane::Reply, reply.1).until() {
                Some(until) => reply.1 = until,
                None => {
                    waits.push((reply.1 - reply.0).to_std().unwrap());
                    came.push_back(reply.0);
                    let mut next = after(reply.0, millis(*gaps.next().unwrap()));
                    if came.len() == reserved {
                        let first = came.pop_front().unwrap();
                        next = next.max(after(first, rate.per));
                    }
                    // The runner has one reply of this test in hand at a time.
                    reply = (next, next.max(reply.1));
                }
            }
        } else {
            let key = Pacing::private(format!("broadcast {sent}"));
            match limiter.take(&key, SendLane::Broadcast, ask).until() {
                Some(until) => ask = until,
                None => sent += 1,
            }
        }
    }
    (waits, (ask - at(0)).to_std().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reply_waits_at_most_one_slot_during_a_broadcast(
        count in 2..61_u32,
        per in 200..60_000_u64,
        bursts in prop::collection::vec((0..8_u64, 0..60_000_u64), 1..50),
    ) {
        let rate = Rate::new(count, millis(per));
        // Bursts of replies at once, with quiet times between.
        let gaps: Vec<u64> = bursts
            .into_iter()
            .map(|(kind, gap)| if kind < 5 { 0 } else { gap % (per * 2) })
            .collect();
        let (waits, took) = broadcast(rate, &gaps);
        let slot = rate.per / count;
        prop_assert!(waits.iter().max().unwrap() <= &slot, "{:?} of {slot:?}", waits.iter().max());
        // And the broadcast loses nothing by it: each step is a whole millisecond at most more.
        let step = rate.per / (count * 5 / 6).max(1) + millis(1);
        prop_assert!(took <= step * 9_999, "{took:?}");
    }
}

/// Finer than any clock here, so that it takes a look at the number itself.
#[test]
fn a_broadcasts_share_never_fits_into_a_window_once_more() {
    for count in 0..200 {
        let rate = Rate::new(count, millis(1000));
        let share = (count * 5 / 6).max(1);
        let between = rate.between_broadcasts();
        assert!(between * share >= rate.per, "{count}");
        assert!(
            (between - Duration::from_nanos(1)) * share < rate.per,
            "{count}"
        );
    }
}

#[test]
fn replies_come_through_beside_a_broadcast_at_thirty_a_second() {
    let (waits, took) = broadcast(Rate::new(30, millis(1000)), &[0, 0, 0, 170, 1000, 35]);
    assert!(waits.len() > 1000);
    assert_eq!(waits.iter().max(), Some(&Duration::ZERO));
    // 25 a second.
    assert_eq!(took, millis(9_999 * 40));
}

#[test]
fn a_private_address_is_never_held_to_the_groups_rate() {
    let limits = RateLimits {
        group: Some(Rate::new(1, millis(60_000))),
        ..RateLimits::default()
    };
    let mut limiter = RateLimiter::new(limits);
    let group = Pacing::group("group");
    for _ in 0..100 {
        let slot = limiter.take(&Pacing::private("person"), SendLane::Reply, at(0));
        assert_eq!(slot, Slot::Taken);
    }
    assert_eq!(limiter.take(&group, SendLane::Reply, at(0)), Slot::Taken);
    let until = at(60_000_000);
    let slot = limiter.take(&group, SendLane::Reply, at(0));
    assert_eq!(slot, Slot::AddressBusy { until });
}

#[test]
fn a_group_is_held_to_the_rate_of_every_address_too() {
    let limits = RateLimits {
        address: Some(Rate::new(1, millis(1000))),
        group: Some(Rate::new(2, millis(60_000))),
        ..RateLimits::default()
    };
    let mut limiter = RateLimiter::new(limits);
    let mut take = |micros| {
        let slot = limiter.take(&Pacing::group("group"), SendLane::Reply, at(micros));
        slot.until()
    };
    assert_eq!(take(0), None);
    assert_eq!(take(1), Some(at(1_000_000)));
    assert_eq!(take(1_000_000), None);
    assert_eq!(take(2_000_000), Some(at(60_000_000)));
}

#[test]
fn without_limits_everything_passes() {
    let mut limiter = RateLimiter::new(RateLimits::default());
    for who in 0..6 {
        for lane in [SendLane::Reply, SendLane::Broadcast] {
            assert_eq!(limiter.take(&pacing(who), lane, at(0)), Slot::Taken);
        }
    }
    assert!(limiter.addresses.is_empty());
}

/// Penalises these addresses for a minute, one second more each, at these seconds; answers until
/// when the channel pauses then.
fn penalised(penalties: &[(u8, i64)]) -> Option<Moment> {
    let mut limiter = RateLimiter::new(RateLimits::default());
    let mut now = at(0);
    for (nth, (who, seconds)) in (0..).zip(penalties) {
        now = at(seconds * 1_000_000);
        limiter.penalise(&pacing(*who), after(now, millis(60_000 + nth * 1000)), now);
    }
    limiter.paused_until(now)
}

#[test]
fn many_penalties_pause_the_channel() {
    let seconds = |seconds: i64| Some(at(seconds * 1_000_000));
    assert_eq!(penalised(&[(0, 0), (1, 1)]), None);
    assert_eq!(penalised(&[(0, 0), (1, 1), (2, 10)]), seconds(60));
    // Not within ten seconds.
    assert_eq!(penalised(&[(0, 0), (1, 1), (2, 11)]), None);
    assert_eq!(penalised(&[(0, 0), (1, 1), (2, 11), (3, 11)]), seconds(62));
    // Only two addresses.
    assert_eq!(penalised(&[(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]), None);
    // One more of the same trouble.
    assert_eq!(penalised(&[(0, 0), (1, 1), (2, 2), (3, 3)]), seconds(62));
}

#[test]
fn the_first_penalty_of_many_ends_the_pause() {
    let mut limiter = RateLimiter::new(RateLimits::default());
    for (who, seconds) in [(0, 5), (1, 90), (2, 7)] {
        limiter.penalise(&pacing(who), at(seconds * 1_000_000), at(0));
    }
    assert_eq!(limiter.paused_until(at(0)), Some(at(5_000_000)));
    let slot = limiter.take(&pacing(3), SendLane::Reply, at(0));
    let until = at(5_000_000);
    assert_eq!(slot, Slot::ChannelBusy { until });
    assert_eq!(limiter.paused_until(until), None);
}

/// Ten messages at once to an address that takes three in three seconds are paid off in ten; the
/// channel goes on for others.
#[test]
fn what_a_message_costs_beyond_its_slot_is_paid_off() {
    let rate = |count| Some(Rate::new(count, millis(3000)));
    let mut limiter = RateLimiter::new(RateLimits {
        channel: rate(90),
        address: rate(3),
        group: None,
    });
    let now = at(0);
    assert_eq!(limiter.take(&pacing(0), SendLane::Reply, now), Slot::Taken);
    limiter.spend(&pacing(0), 9, now);
    let until = limiter.take(&pacing(0), SendLane::Reply, now).until();
    assert_eq!(until, Some(after(now, millis(10_000))));
    assert_eq!(limiter.take(&pacing(1), SendLane::Reply, now), Slot::Taken);
    let later = after(now, millis(10_000));
    assert_eq!(
        limiter.take(&pacing(0), SendLane::Reply, later),
        Slot::Taken
    );
}

#[test]
fn penalties_are_remembered_within_a_bound() {
    let mut limiter = RateLimiter::new(RateLimits::default());
    for who in 0..10_000_i64 {
        let pacing = Pacing::private(who.to_string());
        limiter.penalise(&pacing, at(who + 1_000_000), at(who));
        assert!(limiter.penalties.len() <= PENALTIES_MANY);
    }
}

/// A million addresses at one a millisecond, each busy for a second: a thousand must be known.
#[test]
fn idle_addresses_are_forgotten() {
    let limits = RateLimits {
        channel: Some(Rate::new(2000, millis(1000))),
        address: Some(Rate::new(1, millis(1000))),
        group: None,
    };
    let mut limiter = RateLimiter::new(limits);
    let mut most = 0;
    for who in 0..1_000_000_i64 {
        let pacing = Pacing::private(who.to_string());
        let slot = limiter.take(&pacing, SendLane::Reply, at(who * 1000));
        assert_eq!(slot, Slot::Taken);
        most = most.max(limiter.addresses.len());
        assert_eq!(limiter.addresses.len(), limiter.round.len());
    }
    assert!((1000..=2100).contains(&most), "{most}");
    assert!(limiter.taken.0.len() <= 2000);
    // One address goes on alone: the others leave.
    for n in 0..2000 {
        let _ = limiter.take(&pacing(1), SendLane::Reply, at(2_000_000_000 + n));
    }
    assert_eq!(limiter.addresses.len(), 1);
}

/// A limit that is never reached keeps no more than its window.
#[test]
fn what_is_old_is_let_go() {
    let limits = RateLimits {
        channel: Some(Rate::new(u32::MAX, millis(1000))),
        address: Some(Rate::new(u32::MAX, millis(1000))),
        group: None,
    };
    let mut limiter = RateLimiter::new(limits);
    for n in 0..10_000 {
        let slot = limiter.take(&pacing(0), SendLane::Reply, at(n * 100_000));
        assert_eq!(slot, Slot::Taken);
        assert!(limiter.taken.0.len() <= 11);
        let address = &limiter.addresses[&pacing(0).key];
        assert!(address.taken.0.len() <= 11);
    }
}

#[test]
fn the_ends_of_the_calendar_do_no_harm() {
    let limits = RateLimits {
        channel: Some(Rate::new(1, Duration::MAX)),
        address: Some(Rate::new(0, Duration::ZERO)),
        group: Some(Rate::new(u32::MAX, Duration::MAX)),
    };
    for now in [Moment::MIN_UTC, Moment::MAX_UTC] {
        let mut limiter = RateLimiter::new(limits);
        for lane in [SendLane::Broadcast, SendLane::Reply] {
            let _ = limiter.take(&pacing(5), lane, now);
            limiter.penalise(&pacing(5), Moment::MAX_UTC, now);
        }
        let _ = limiter.paused_until(now);
    }
}

#[test]
fn debug_shows_no_key() {
    let pacing = Pacing::private("+49 30 901820");
    let mut limiter = RateLimiter::new(RateLimits {
        address: Some(Rate::new(1, millis(1000))),
        ..RateLimits::default()
    });
    let _ = limiter.take(&pacing, SendLane::Reply, at(0));
    limiter.penalise(&pacing, at(10), at(0));
    assert!(!format!("{pacing:?} {limiter:?}").contains("901820"));
}

#[test]
fn labels_are_fixed() {
    for (lane, label) in [
        (SendLane::Reply, r#""reply""#),
        (SendLane::Broadcast, r#""broadcast""#),
    ] {
        assert_eq!(serde_json::to_string(&lane).unwrap(), label);
        assert_eq!(serde_json::from_str::<SendLane>(label).unwrap(), lane);
    }
    assert_eq!(SendLane::default(), SendLane::Reply);
    assert!(SendLane::Reply < SendLane::Broadcast);
}
