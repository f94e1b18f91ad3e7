//! A real Chromium without a window, driven over the DevTools protocol through two pipes (--remote-debugging-pipe): no
//! port, so it can be in a network namespace of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _, pipe},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{network::Namespace, sensor::patience};

/// Where the browser reads commands and writes answers.
const COMMANDS: i32 = 3;
const ANSWERS: i32 = 4;

/// A browser with one page. It ends when this is dropped, with all its processes.
pub struct Browser {
    child: Child,
    commands: PipeWriter,
    messages: mpsc::Receiver<Value>,
    session: String,
    number: u64,
    /// Everything that happened on the page: requests, errors, what the console says.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one in a namespace, with an empty page.
    ///
    /// # Errors
    /// Without Debian's `chromium`.
    pub fn start(namespace: &Namespace) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (for_browser, commands) = pipe()?;
        let (answers, from_browser) = pipe()?;
        let mut command = namespace.command("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--hide-scrollbars", "--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-breakpad", "--disable-crash-reporter", "--remote-debugging-pipe"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        command.env("HOME", profile.path()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let (reads, writes) = (for_browser.as_raw_fd(), from_browser.as_raw_fd());
        // SAFETY: only system calls that may be made after fork. The ends are moved up first, so that neither is overwritten.
        unsafe {
            command.pre_exec(move || {
                let (reads, writes) = (libc::fcntl(reads, libc::F_DUPFD, 10), libc::fcntl(writes, libc::F_DUPFD, 10));
                if reads < 0 || writes < 0 || libc::dup2(reads, COMMANDS) < 0 || libc::dup2(writes, ANSWERS) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                libc::close(reads);
                libc::close(writes);
                Ok(())
            });
        }
        let child = command.spawn().context("`ip netns exec ... chromium`")?;
        drop((for_browser, from_browser));
        let mut browser = Self {
            child,
            commands,
            messages: listen(answers)?,
            session: String::new(),
            number: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attached =
            browser.call("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}))?;
        browser.session = attached["sessionId"].as_str().context("no session")?.to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn open(&mut self, url: &str) -> anyhow::Result<()> {
        let answer = self.call("Page.navigate", &json!({"url": url}))?;
        ensure!(answer.get("errorText").is_none(), "{url}: {}", answer["errorText"]);
        self.wait("document.readyState === 'complete'")
    }

    /// Makes the page this wide and high, in CSS pixels, light or dark.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) -> anyhow::Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &media)?;
        Ok(())
    }

    /// Evaluates an expression in the page.
    ///
    /// # Errors
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let answer = self.call(
            "Runtime.evaluate",
            &json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        )?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("`{expression}` threw {exception}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When it does not come true, with what the page shows.
    pub fn wait(&mut self, expression: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.evaluate(expression)? != json!(true) {
            if start.elapsed() > patience() {
                let text = self.evaluate("document.body.innerText")?;
                bail!(
                    "`{expression}` did not come true; the page shows:\n{}\n{:?}",
                    text.as_str().unwrap_or(""),
                    self.errors()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Presses a key, as a keyboard does.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn press(&mut self, key: &str) -> anyhow::Result<()> {
        let text = if key.chars().count() == 1 { key } else { "" };
        let code = if key == "Tab" { 9 } else { 0 };
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                &json!({"type": kind, "key": key, "text": if kind == "keyDown" { text } else { "" }, "windowsVirtualKeyCode": code}),
            )?;
        }
        Ok(())
    }

    /// Stores what the page looks like as PNG: all of it, or what is in the window.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn screenshot(&mut self, file: &Path, all: bool) -> anyhow::Result<()> {
        let answer = self.call("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": all}))?;
        let data = answer["data"].as_str().context("no picture")?;
        let png = base64::engine::general_purpose::STANDARD.decode(data)?;
        Ok(fs::write(file, png)?)
    }

    /// Addresses that the page asked for.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.filter_map(|event| Some(event["params"]["request"]["url"].as_str()?.to_owned())).collect()
    }

    /// What went wrong on the page: exceptions, and what the browser refused or complains of.
    pub fn errors(&self) -> Vec<String> {
        let wrong = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            _ => false,
        };
        self.events.iter().filter(wrong).map(Value::to_string).collect()
    }

    fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.commands.write_all(&bytes).with_context(|| format!("{method}: the browser is gone"))?;
        let start = Instant::now();
        loop {
            let left = patience().saturating_sub(start.elapsed());
            let answer = self.messages.recv_timeout(left).with_context(|| format!("{method}: no answer"))?;
            if answer["id"] == self.number {
                ensure!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return Ok(answer["result"].clone());
            }
            self.events.push(answer);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // All its processes are in a group of their own, which may have ended.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Messages of the browser, each ended by a zero.
fn listen(answers: PipeReader) -> anyhow::Result<mpsc::Receiver<Value>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("browser".to_owned()).spawn(move || {
        let mut answers = BufReader::new(answers);
        let mut message = Vec::new();
        while answers.read_until(0, &mut message).is_ok_and(|length| length > 0) {
            message.pop();
            if serde_json::from_slice(&message).is_ok_and(|value: Value| sender.send(value).is_err()) {
                return;
            }
            message.clear();
        }
    })?;
    Ok(receiver)
}
