//! A child process that cannot outlive this one. It decides nothing about what runs.
//!
//! The program runs below a small shell that waits on a pipe from this process. When this process
//! ends, in whatever way, the pipe closes, and the shell ends the program and removes its files.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::{Gid, Uid};

/// Arguments: the signal that ends the program, where its output goes, what to remove afterwards
/// (empty: nothing), the program and its arguments. Writes the program's process id.
///
/// A shell starts background commands with standard input on /dev/null, hence the copy in 3.
const SUPERVISOR: &str = r#"
signal=$1 log=$2 remove=$3
shift 3
exec 3<&0 4>&1 >/dev/null
"$@" </dev/null >"$log" 2>&1 3<&- 4>&- &
program=$!
( exec 4>&-; read -r _ <&3; kill -"$signal" "$program" ) 2>/dev/null &
reader=$!
echo "$program" >&4
exec 4>&-
wait "$program"
status=$?
kill "$reader" 2>/dev/null
[ -z "$remove" ] || rm -rf "$remove" 2>/dev/null
exit "$status"
"#;

/// A running program; dropping it ends the program and waits for it.
#[derive(Debug)]
pub struct Supervised {
    shell: Child,
    process_id: i32,
}

/// How a program is run.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a OsStr],
    /// The signal that ends it, without `SIG`.
    pub stop_signal: &'a str,
    /// Where its standard output and standard error go.
    pub log: &'a Path,
    /// What to remove when it has ended.
    pub remove: Option<&'a Path>,
    /// As whom; `None` is the current user.
    pub user: Option<(Uid, Gid)>,
}

impl Supervised {
    /// Starts the program with this process's environment.
    pub fn start(run: Run<'_>) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "supervisor", run.stop_signal])
            .arg(run.log)
            .arg(run.remove.unwrap_or(Path::new("")))
            .arg(run.program)
            .args(run.arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for us; the program ends after we have.
            .process_group(0);
        if let Some((user, group)) = run.user {
            command.uid(user.as_raw()).gid(group.as_raw());
        }
        let mut shell = command.spawn()?;
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let process_id = line
            .trim()
            .parse()
            .map_err(|_| io::Error::other("the supervising shell said nothing"))?;
        Ok(Self { shell, process_id })
    }

    /// The program's own process id, not the shell's.
    pub fn process_id(&self) -> i32 {
        self.process_id
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    /// Ends the program and waits up to ten seconds for it; harmless when it has ended.
    pub fn stop(&mut self) {
        drop(self.shell.stdin.take());
        for _ in 0..400 {
            if !self.is_running() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let program = nix::unistd::Pid::from_raw(self.process_id);
        if nix::sys::signal::kill(program, nix::sys::signal::Signal::SIGKILL).is_ok() {
            drop(self.shell.wait());
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}
