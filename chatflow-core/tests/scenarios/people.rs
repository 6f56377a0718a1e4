//! Operators, queues and sessions: the scenarios of `people/`.

use std::fs;

use chatflow_core::{Behaviour, FlowFiles};

use crate::from_files::{folder, scenarios};

scenarios! {
    "people":
    st_31_st_35_op_19_the_creatio_profile_tells_its_pages: "creatio";
    st_24_op_26_op_28_the_retailcrm_profile_tells_its_page: "retailcrm";
    op_09_op_07_offers_go_round: "offers";
    st_32_st_33_st_34_sessions_end_by_themselves: "silence";
    op_31_op_38_op_11_limits_and_waiting: "limits";
    op_02_op_04_op_05_operators_come_and_go: "coming_and_going";
    st_29_fl_16_a_bot_leads_to_a_queue: "bot_first";
    op_37_st_47_lines_and_replies: "lines";
    fl_44_robots_distribute: "distribution";
    fl_27_nobody_is_reminded_while_it_is_closed: "closed";
}

/// What the files of the profiles say is what the profiles are, but for their queue.
#[test]
fn the_profiles_files_are_the_profiles() {
    let profiles = [
        ("creatio", Behaviour::creatio()),
        ("retailcrm", Behaviour::retailcrm()),
    ];
    for (name, profile) in profiles {
        let file = format!("{name}.yaml");
        let text = fs::read(folder("people").join(&file)).unwrap();
        let bot = FlowFiles::new().read(&file, &text).bot("shop").unwrap();
        let behaviour = bot.compile().unwrap().settings().behaviour.clone();
        let expected = Behaviour {
            queue: behaviour.queue.clone(),
            ..profile
        };
        assert_eq!(behaviour, expected, "{name}");
    }
}
