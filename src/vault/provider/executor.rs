//! Runs `az` and `azd` in a process group of their own, which ends when nobody waits for them any
//! more: a deadline must not leave them behind.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};
use tokio::process::Command;

#[derive(Debug)]
pub(super) struct GroupExecutor;

#[async_trait::async_trait]
impl azure_identity::Executor for GroupExecutor {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let _group = Group(child.id());
        child.wait_with_output().await
    }
}

/// A group that is killed when dropped. What has ended by then does not mind.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            // It fails only where the group has ended.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
