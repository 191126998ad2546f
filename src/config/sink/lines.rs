//! A sink: how its lines look.

use super::Sink;
use crate::config::Format;
use crate::config::format::Shape;

impl Sink {
    /// Sets how lines look. Defaults to [`Format::json`].
    ///
    /// ```
    /// use offloop::{Format, Sink};
    ///
    /// let sink = Sink::stdout().format(Format::json().with_location());
    /// # drop(sink);
    /// ```
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Writes one JSON object a line, as [`Format::json`] says. This is the default.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().json();
    /// # drop(sink);
    /// ```
    pub fn json(self) -> Self {
        self.shape(Shape::Json)
    }

    /// Writes one line of text for people, as [`Format::text`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stderr().text();
    /// # drop(sink);
    /// ```
    pub fn text(self) -> Self {
        self.shape(Shape::Text)
    }

    /// Writes an access log as web servers do, as [`Format::common_log`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").common_log();
    /// # drop(sink);
    /// ```
    pub fn common_log(self) -> Self {
        self.shape(Shape::CommonLog)
    }

    /// The same with more, as [`Format::combined_log`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::file("logs/access.log").combined_log();
    /// # drop(sink);
    /// ```
    pub fn combined_log(self) -> Self {
        self.shape(Shape::CombinedLog)
    }

    fn shape(mut self, shape: Shape) -> Self {
        self.format = self.format.with_shape(shape);
        self
    }

    /// Adds the thread's name to each record, as [`Format::with_thread`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_thread();
    /// # drop(sink);
    /// ```
    pub fn with_thread(mut self) -> Self {
        self.format = self.format.with_thread();
        self
    }

    /// Adds file and line of the macro to each record, as [`Format::with_location`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_location();
    /// # drop(sink);
    /// ```
    pub fn with_location(mut self) -> Self {
        self.format = self.format.with_location();
        self
    }

    /// Adds the number of the process that wrote the line, as [`Format::with_process`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_process();
    /// # drop(sink);
    /// ```
    pub fn with_process(mut self) -> Self {
        self.format = self.format.with_process();
        self
    }

    /// Numbers the lines, as [`Format::with_sequence`] says.
    ///
    /// ```
    /// let sink = offloop::Sink::stdout().with_sequence();
    /// # drop(sink);
    /// ```
    pub fn with_sequence(mut self) -> Self {
        self.format = self.format.with_sequence();
        self
    }
}
