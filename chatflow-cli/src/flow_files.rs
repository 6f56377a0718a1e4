//! Flow files as a command line names them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chatflow_core::{Code, FlowFiles};

/// Code of another program that flow files name, as a command line describes it.
#[derive(Debug, clap::Args)]
pub(crate) struct AssumedCode {
    /// A step or router that another program has in Rust, with its exits; may be given several
    /// times
    #[arg(long = "code", value_name = "NAME=EXIT,EXIT", value_parser = assumed)]
    code: Vec<Assumed>,
}

/// One piece of code that only another program has.
#[derive(Debug, Clone)]
struct Assumed {
    name: String,
    exits: Vec<String>,
}

fn assumed(text: &str) -> Result<Assumed, String> {
    let (name, exits) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        return Err("it begins with the name under which the program has the code".to_owned());
    }
    let exits: Vec<String> = match exits {
        "" => Vec::new(),
        exits => exits
            .split(',')
            .map(|exit| exit.trim().to_owned())
            .collect(),
    };
    if exits.iter().any(String::is_empty) {
        return Err("an exit between two commas has no name".to_owned());
    }
    Ok(Assumed {
        name: name.to_owned(),
        exits,
    })
}

/// A file with its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("{name} does not exist; check the path")]
    Missing { name: String },
    #[error("{name} is a folder; name the files in it")]
    Folder { name: String },
    #[error("{name} has more than {most} bytes; split it into several files")]
    TooLarge { name: String, most: usize },
    #[error("{name} can't be read; check its permissions")]
    Io { name: String, source: io::Error },
}

/// The files that the paths name, `-` for the standard input, all of them or the first that
/// can't be read.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Source>, Unreadable> {
    let sources = paths.iter();
    sources
        .map(|path| read(path, FlowFiles::FILE_BYTES_MAX))
        .collect()
}

/// A file of at most so many bytes. One that is larger is never read as a whole.
pub(crate) fn read(path: &Path, most: usize) -> Result<Source, Unreadable> {
    let is_input = path.as_os_str() == "-";
    let name = match is_input {
        true => "<stdin>".to_owned(),
        false => path.display().to_string(),
    };
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if is_input {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else if path.is_dir() {
        return Err(Unreadable::Folder { name });
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) if bytes.len() > most => Err(Unreadable::TooLarge { name, most }),
        Ok(_) => Ok(Source { name, bytes }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unreadable::Missing { name }),
        Err(source) => Err(Unreadable::Io { name, source }),
    }
}

impl AssumedCode {
    /// The files, read together as the flows of one bot.
    pub(crate) fn flows(&self, sources: &[Source]) -> FlowFiles {
        let code = self.code.iter().fold(Code::new(), |code, assumed| {
            code.assume(assumed.name.as_str(), assumed.exits.iter().cloned())
        });
        sources
            .iter()
            .fold(FlowFiles::new().code(code), |files, source| {
                files.read(source.name.as_str(), &source.bytes)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_a_name_with_exits() {
        let exits = |text| assumed(text).map(|code| (code.name, code.exits));
        let named = |name: &str, exits: &[&str]| {
            let exits = exits.iter().map(|&exit| exit.to_owned()).collect();
            Ok((name.to_owned(), exits))
        };
        assert_eq!(exits("crm=ok, failed"), named("crm", &["ok", "failed"]));
        assert_eq!(exits("crm"), named("crm", &[]));
        assert!(exits("=ok").is_err());
        assert!(exits("crm=ok,,failed").is_err());
    }
}
