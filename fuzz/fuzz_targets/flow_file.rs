//! Any bytes as a flow file: findings with a place, or a bot whose flow is written and read back
//! as the same.
#![no_main]

use chatflow_core::{FlowFiles, Severity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let files = FlowFiles::new().read("fuzzed", bytes);
    let report = files.check();
    for finding in &report.findings {
        assert!(finding.span.line > 0 && finding.span.column > 0, "{finding}");
        assert!(finding.span.offset <= bytes.len(), "{finding}");
        assert!(!finding.message.contains('\n'), "{finding}");
    }
    if report.count(Severity::Error) > 0 {
        assert!(files.bot("fuzzed").is_err());
        return;
    }
    files.bot("fuzzed").expect("without errors it is a bot");
    for flow in files.flows() {
        for written in [flow.to_yaml(), flow.to_json()] {
            let written = written.expect("what was read can be written");
            let again = FlowFiles::new().read("again", written.as_bytes());
            assert_eq!(again.flows().next(), Some(flow), "{written}");
        }
    }
});
