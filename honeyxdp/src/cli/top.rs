//! `honeyxdp top`: a running sensor, live.

use std::{
    io::IsTerminal as _,
    mem,
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
};

use super::{DEFAULT_DIRECTORY, snapshot::print};
use crate::{
    live::{SCHEMA, Sample, View},
    server::{
        SOCKET,
        client::{Client, Target},
    },
    view::{
        Room,
        top::{Choice, draw, keep},
    },
};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest time until a key does something.
const KEYS: Duration = Duration::from_millis(100);

/// Watch a running sensor, live
///
/// Shows what the dashboard shows: SYNs per second by family, top ports, sources, loss, filters; read from the sensor every
/// second. Keys: q quits, p pauses, s sorts by SYNs, rate or sources, up and down choose a family and show its ports. Elsewhere
/// than on a terminal it prints one table.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the sensor, with its socket honeyxdp.sock
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", default_value = DEFAULT_DIRECTORY)]
    out: PathBuf,
    /// Address of the sensor instead: http://127.0.0.1:7823 or unix:/path
    #[arg(long, value_name = "URL", env = "HONEYXDP_CONNECT")]
    connect: Option<Target>,
    /// Print one table and end
    #[arg(long)]
    once: bool,
    /// Print the live numbers once, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn top(args: &Args) -> anyhow::Result<()> {
    let target = args.connect.clone().unwrap_or_else(|| Target::Unix(args.out.join(SOCKET)));
    let client = Client::new(target, PATIENCE);
    // Who is not there at the start, is said on the ordinary screen.
    let first = ask(&client, 0)?;
    if args.json {
        return print(&serde_json::to_string_pretty(&first)?);
    }
    if args.once || !std::io::stdout().is_terminal() {
        return print(&crate::view::live(&first, Room::of_stdout().width));
    }
    let answers = keep_asking(client, &first)?;
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal; try --once")?;
    let result = watch(&mut terminal, first, &answers);
    ratatui::restore();
    result
}

type Answers = mpsc::Receiver<anyhow::Result<View>>;

/// Asks every second, in a thread of its own: keys are read meanwhile. It ends when nobody takes the answers.
fn keep_asking(client: Client, first: &View) -> anyhow::Result<Answers> {
    let (sender, answers) = mpsc::channel();
    let mut last = first.samples.points.last().map_or(0, |sample| sample.number);
    thread::Builder::new().name("ask".to_owned()).spawn(move || {
        loop {
            thread::sleep(PERIOD);
            let answer = ask(&client, last);
            if let Ok(view) = &answer
                && let Some(sample) = view.samples.points.last()
            {
                last = sample.number;
            }
            if sender.send(answer).is_err() {
                return;
            }
        }
    })?;
    Ok(answers)
}

fn ask(client: &Client, after: u64) -> anyhow::Result<View> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    let view: View = runtime.block_on(client.get(&format!("/live.json?after={after}")))?;
    anyhow::ensure!(
        view.schema == SCHEMA,
        "{} speaks {:?}, and this version reads {SCHEMA}",
        client.target(),
        view.schema
    );
    Ok(view)
}

fn watch(terminal: &mut DefaultTerminal, first: View, answers: &Answers) -> anyhow::Result<()> {
    let mut samples: Vec<Sample> = Vec::new();
    // What comes in during a pause.
    let mut held: Vec<Sample> = Vec::new();
    let mut choice = Choice::default();
    let mut trouble: Option<String> = None;
    let mut view = first;
    keep(&mut samples, mem::take(&mut view.samples.points));
    loop {
        terminal.draw(|frame| draw(frame, &view, &samples, &choice, trouble.as_deref()))?;
        let start = Instant::now();
        while start.elapsed() < PERIOD {
            if event::poll(KEYS)? && key(&event::read()?, &mut choice, &view) {
                return Ok(());
            }
            let mut changed = false;
            for answer in answers.try_iter() {
                changed = true;
                match answer {
                    Ok(mut new) => {
                        keep(&mut held, mem::take(&mut new.samples.points));
                        trouble = None;
                        if !choice.paused {
                            keep(&mut samples, mem::take(&mut held));
                            view = new;
                        }
                    }
                    Err(error) => trouble = Some(format!("{error:#}")),
                }
            }
            if changed {
                break;
            }
            terminal.draw(|frame| draw(frame, &view, &samples, &choice, trouble.as_deref()))?;
        }
    }
}

/// Does what a key says; returns whether that is to quit.
fn key(event: &Event, choice: &mut Choice, view: &View) -> bool {
    let Event::Key(key) = event else { return false };
    if key.kind == KeyEventKind::Release {
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Char('p') => choice.paused = !choice.paused,
        KeyCode::Char('s') => choice.sort(),
        KeyCode::Down | KeyCode::Char('j') => choice.step(view, 1),
        KeyCode::Up | KeyCode::Char('k') => choice.step(view, -1),
        KeyCode::Esc => choice.family = None,
        _ => {}
    }
    false
}
