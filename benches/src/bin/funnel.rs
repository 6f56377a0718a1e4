//! Measures the workload `funnel`, see `benches/README.md`.

use std::error::Error;
use std::time::Duration;

use benches::{BYTES_PER_CONTACT, Counted, Layer, Measured, ROUNDS, measure};
use clap::Parser;

/// Runs the funnel and prints messages a second for each layer.
#[derive(Debug, Parser)]
struct Arguments {
    /// Contacts; each writes six messages
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..10_000_000))]
    contacts: u32,
    /// Contacts where messages go one by one, which waits for the disk at each
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..10_000_000))]
    contacts_one_by_one: u32,
    /// Runs of each layer; the median is printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only this layer
    #[arg(long)]
    layer: Option<Layer>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let layers = arguments
        .layer
        .map_or_else(|| Layer::ALL.to_vec(), |layer| vec![layer]);
    for layer in layers {
        let one_by_one = layer == Layer::SqliteOneByOne;
        let contacts = if one_by_one {
            arguments.contacts_one_by_one
        } else {
            arguments.contacts
        } as usize;
        let mut walls = Vec::new();
        for _ in 0..arguments.runs {
            let Measured { wall, counted } = measure(layer, contacts)?;
            check(&counted)?;
            walls.push(wall);
        }
        let messages = (contacts * ROUNDS) as f64;
        let check = contacts as u64 * BYTES_PER_CONTACT;
        print!(
            "peer=chatflow workload=funnel layer={layer} msgs_per_s={:.0} runs={} check={check}",
            messages / median(&mut walls).as_secs_f64(),
            arguments.runs,
        );
        if one_by_one {
            print!(" contacts={contacts}");
        }
        println!();
    }
    Ok(())
}

/// Every contact was sent what he should be: nothing is missing, nothing came twice.
fn check(counted: &[Counted]) -> Result<(), String> {
    let expected = Counted {
        sends: ROUNDS as u64,
        bytes: BYTES_PER_CONTACT,
    };
    match counted.iter().position(|counted| *counted != expected) {
        None => Ok(()),
        Some(contact) => Err(format!(
            "contact {contact} was sent {:?}, not {expected:?}",
            counted[contact]
        )),
    }
}

/// The middle one; of an even number the slower of the two.
fn median(walls: &mut [Duration]) -> Duration {
    walls.sort_unstable();
    walls[walls.len() / 2]
}
