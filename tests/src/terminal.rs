//! A real terminal (tmux), without a window.

use std::{
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

use crate::sensor::patience;

/// A terminal with a shell command in it. The tmux server is the test's own, and goes with it.
pub struct Terminal {
    server: String,
}

impl Terminal {
    /// Opens one of this size. The name tells the terminals of a test apart.
    ///
    /// # Panics
    /// Without tmux.
    pub fn open(name: &str, width: u16, height: u16, command: &str) -> Self {
        let terminal = Self { server: format!("hx-{}-{name}", process::id()) };
        let size = [width.to_string(), height.to_string()];
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], command]);
        terminal
    }

    /// Runs a command of tmux on it, and returns what that prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.server]).args(args).output().expect("tmux is needed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("tmux prints text")
    }

    /// What it shows.
    ///
    /// # Panics
    /// When it is gone.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen has this property, and returns it.
    ///
    /// # Panics
    /// When it does not, with what it shows.
    pub fn wait(&self, property: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if property(&screen) {
                return screen;
            }
            assert!(start.elapsed() < patience(), "not within {:?}:\n{screen}", patience());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The server may have ended with its last session.
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
}
