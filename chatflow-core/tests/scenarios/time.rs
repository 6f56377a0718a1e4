//! Time, calls and rules: the scenarios of `time/`.

use std::fs;

use chatflow_core::FlowFiles;
use chatflow_core::testing::{Player, Scenario, block_on};

use crate::from_files::{folder, scenarios};

scenarios! {
    "time":
    fl_04_fl_05_a_model_chooses_among_branches: "ai_route";
    fl_06_ai_01_a_model_leads: "ai_reply";
    fl_09_fl_10_an_outside_service_is_called: "webhook";
    fl_10_a_service_that_fails_or_is_silent: "webhook_exhausted", "webhook_timeout";
    fl_15_a_tracker_hears_of_a_deposit: "track";
    fl_20_the_flow_waits_until_the_contact_is_silent: "quiet_time";
    fl_21_a_reply_is_timed_from_the_last_message: "reply_time";
    fl_22_a_message_is_timed_from_the_last_message: "answer_after";
    fl_23_long_texts_take_longer: "typing";
    fl_24_fl_25_fl_27_a_step_reminds: "step_push";
    fl_26_fl_27_br_10_the_bot_reminds: "global_push";
    fl_24_fl_26_a_month_of_reminders_delays_and_quiet_hours: "month";
    fl_28_one_of_two_reminders_goes: "pushes_together", "pushes_bot_wins", "pushes_both";
    fl_29_a_paused_bot_holds_everything: "pit_stop";
    fl_37_ai_03_models_of_bots_and_steps: "models", "models_of_another_bot";
    fl_40_whom_what_alerts: "notifications";
    fl_42_a_robot_tags: "robots";
    fl_43_robots_stop_each_other: "robots_in_a_circle";
    fl_54_messages_in_a_delay: "delay_keep", "delay_ignore", "delay_break";
    st_15_st_45_ai_02_error_and_its_ways_out: "error", "error_inbound_retry", "error_retry";
    ai_04_prompts_are_the_same_bytes: "prompt";
    ai_05_what_models_cost: "usage";
    ai_06_ai_07_ai_08_media_become_text: "recognise";
    ai_09_two_way_translation: "translation";
    ai_10_a_dialog_has_its_own_language: "translator";
    ai_11_advice_is_not_sent: "advice";
    ai_13_late_answers_are_dropped: "late_answer";
    another_bot_hears_all_and_leaves_the_rest: "external_bot";
    ai_14_a_budget_stops_models_and_not_people: "budget", "budget_manual", "budget_used_up";
}

/// The program ends and starts again before each thing that happens, and the transcript is the
/// same, message by message and moment by moment.
#[test]
fn fl_53_fl_17_a_month_is_the_same_with_a_restart_at_every_step() {
    let text = fs::read_to_string(folder("time").join("month.scenario")).unwrap();
    let flow = fs::read(folder("time").join("month.yaml")).unwrap();
    let bot = || {
        FlowFiles::new()
            .read("month.yaml", &flow)
            .bot("shop")
            .unwrap()
    };
    let mut restarting = String::new();
    let mut restarts = 0;
    for line in text.lines() {
        if line.starts_with(['>', '@', '!']) {
            restarting.push_str("@ restart\n");
            restarts += 1;
        }
        restarting.push_str(line);
        restarting.push('\n');
    }
    assert!(restarts >= 20, "it restarts {restarts} times");
    let play = |text: &str| {
        let scenario = Scenario::parse(text).unwrap();
        block_on(Player::new(bot()).play(&scenario)).unwrap()
    };
    let (through, again) = (play(&text), play(&restarting));
    assert!(again.holds(), "{again}");
    assert_eq!(through.transcript, again.transcript);
}
