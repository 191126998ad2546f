//! The process of one cell: it logs, says so, and ends.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

use super::ending::{self, How};
use super::peers::{self, Peer};
use super::{RECORDS, system};
use crate::contenders::{Running, Setup};

/// What the process says on stdout once its last call has returned.
pub const LOGGED: &str = "logged\n";

/// In place of an ending: a start that logs nothing.
pub const NEXT_START: &str = "next start";

/// A program that logs.
struct Program {
    peer: &'static Peer,
    running: Box<dyn Running>,
    numbered: fn(u64),
}

pub fn child(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [peer, ending, directory] = arguments else {
        return Err("survival-child: wrong number of arguments".into());
    };
    let program = Program::start(peer, PathBuf::from(directory))?;
    if ending == NEXT_START {
        program.running.finish();
        return Ok(());
    }
    end(
        ending::find(ending).ok_or("survival-child: no such ending")?,
        program,
    )
}

fn end(how: How, program: Program) -> Result<(), Box<dyn Error>> {
    match how {
        How::Return => program.return_from_main()?,
        How::GuardDropped => {
            drop(program.running);
            log(program.numbered)?;
        }
        How::Exit => {
            program.log()?;
            std::process::exit(0);
        }
        How::Abort => {
            program.log()?;
            std::process::abort();
        }
        How::Panic | How::AbortingPanic => {
            program.log()?;
            panic!("this panic is part of the run");
        }
        How::Signal(signal, after) => {
            program.log()?;
            thread::sleep(after);
            system::signal_self(signal)?;
        }
        How::Fault => {
            program.log()?;
            system::fault()?;
        }
        How::ForkChild => fork_child(program)?,
        How::ForkParent => fork_parent(program)?,
    }
    Ok(())
}

/// The child of a fork logs and returns from `main`; its parent waits for it.
fn fork_child(program: Program) -> Result<(), Box<dyn Error>> {
    match system::fork()? {
        None => program.return_from_main(),
        Some(child) => {
            system::wait_for(child)?;
            program.peer.leave(program.running);
            Ok(())
        }
    }
}

/// The parent logs and returns from `main`, while the child that it forked lives.
fn fork_parent(program: Program) -> Result<(), Box<dyn Error>> {
    match system::fork()? {
        None => loop {
            thread::park();
        },
        Some(child) => {
            program.return_from_main()?;
            system::kill(child, libc::SIGKILL)?;
            system::wait_for(child)?;
            Ok(())
        }
    }
}

impl Program {
    fn start(peer: &str, directory: PathBuf) -> Result<Program, Box<dyn Error>> {
        let peer = peers::find(peer).ok_or("survival-child: no such logger")?;
        let setup = Setup {
            directory,
            lossless: false,
            filter: "info".to_owned(),
        };
        let running = (peer.contender.start)(&setup)?;
        let numbered = (peer.contender.calls)(&setup).numbered;
        Ok(Program {
            peer,
            running,
            numbered,
        })
    }

    fn log(&self) -> io::Result<()> {
        log(self.numbered)
    }

    fn return_from_main(self) -> Result<(), Box<dyn Error>> {
        self.log()?;
        self.peer.leave(self.running);
        Ok(())
    }
}

fn log(numbered: fn(u64)) -> io::Result<()> {
    (0..RECORDS).for_each(numbered);
    let mut parent = io::stdout().lock();
    parent.write_all(LOGGED.as_bytes())?;
    parent.flush()
}
