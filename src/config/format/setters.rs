//! The options, as a program sets them.

use std::collections::BTreeMap;

use super::{Colour, FieldValue, Format, Part, Precision, SpanStyle};

impl Format {
    /// Gives a key another name: one of the format's own (by what [`Format::json`] calls it:
    /// `timestamp`, `level`, `target`, `message`, `spans`, `thread`, `file`, `line`, `pid`, `seq`,
    /// `cut`, `recovered`) or that of a field. Without effect on lines for people and access logs.
    ///
    /// Two parts of a line that are called the same are an
    /// [`Error::FormatKeys`](crate::Error::FormatKeys) when the pipeline is built. A field makes way for
    /// a part that is called like it.
    ///
    /// ```
    /// let format = offloop::Format::json().key("timestamp", "ts").key("user", "user.id");
    /// # drop(format);
    /// ```
    pub fn key(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.0.keys.insert(old.into(), new.into());
        self
    }

    /// What its lines call a part of a record or a field of an event, by the names that
    /// [`key`](Format::key) takes. For those who read logs.
    ///
    /// A field may be called otherwise because of fields that are the same in every line: they count
    /// where the format [has them](Format::field). `None` for lines for people and access logs,
    /// which have no keys, and for the time, the level and the message of
    /// [`open_telemetry`](Format::open_telemetry), which its model has places for.
    ///
    /// ```
    /// use offloop::Format;
    ///
    /// assert_eq!(Format::ecs().key_of("seq").as_deref(), Some("event.sequence"));
    /// let format = Format::json().key("seq", "number");
    /// assert_eq!(format.key_of("seq").as_deref(), Some("number"));
    /// assert_eq!(format.key_of("target").as_deref(), Some("target"));
    /// assert_eq!(Format::text().key_of("target"), None);
    /// ```
    #[must_use]
    pub fn key_of(&self, name: &str) -> Option<String> {
        crate::format::make(self).key_of(name)
    }

    /// Sets which parts come first, in this order. The others follow as they would have stood.
    /// By default all stand as the shape has them. The first must be one that every line has: time
    /// stamp, level, target or message. For shapes that are JSON objects, and logfmt.
    ///
    /// ```
    /// use offloop::{Format, Part};
    ///
    /// let format = Format::json().order([Part::Level, Part::Timestamp, Part::Message]);
    /// # drop(format);
    /// ```
    pub fn order(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.0.order = parts.into_iter().collect();
        self
    }

    /// Sets how spans are shown. Defaults to [`SpanStyle::Flat`].
    ///
    /// ```
    /// let format = offloop::Format::json().spans(offloop::SpanStyle::List);
    /// # drop(format);
    /// ```
    pub fn spans(mut self, style: SpanStyle) -> Self {
        self.0.spans = style;
        self
    }

    /// Sets how exact time stamps are. Defaults to what the shape has, mostly microseconds. Not for
    /// shapes whose time is a number.
    ///
    /// ```
    /// let format = offloop::Format::json().precision(offloop::Precision::Milliseconds);
    /// # drop(format);
    /// ```
    pub fn precision(mut self, precision: Precision) -> Self {
        self.0.precision = Some(precision);
        self
    }

    /// Sets whose clocks time stamps show: `UTC`, an offset (`+02:00`), or with the feature
    /// `time-zones` a zone of the IANA database (`Europe/Berlin`). Defaults to UTC. Time stamps keep
    /// their offset from UTC beside them, so that they stay instants. Not for shapes whose time is a
    /// number.
    ///
    /// A zone that is not known is an [`Error::TimeZone`](crate::Error::TimeZone) when the pipeline is built.
    ///
    /// ```
    /// let format = offloop::Format::text().zone("+02:00");
    /// # drop(format);
    /// ```
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.0.zone = Some(zone.into());
        self
    }

    /// Adds a field that is the same in every line, such as the service's name and version. The shapes
    /// that have names of their own for `service`, `version`, `host` and `environment` use these.
    ///
    /// ```
    /// let format = offloop::Format::ecs().field("service", "api").field("version", "1.4.0");
    /// # drop(format);
    /// ```
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.0.fields.insert(name.into(), value.into());
        self
    }

    /// Adds fields that are the same in every line of all sinks. Its own win, and access logs have
    /// no place for any.
    pub(crate) fn with_common_fields(mut self, fields: &BTreeMap<String, FieldValue>) -> Self {
        if self.is_access_log() {
            return self;
        }
        for (name, value) in fields {
            let value = || value.clone();
            self.0.fields.entry(name.clone()).or_insert_with(value);
        }
        self
    }

    /// Sets whether lines for people are coloured. Defaults to [`Colour::Auto`]. Without effect on
    /// lines for programs.
    ///
    /// ```
    /// let format = offloop::Format::text().colour(offloop::Colour::Always);
    /// # drop(format);
    /// ```
    pub fn colour(mut self, colour: Colour) -> Self {
        self.0.colour = colour;
        self
    }

    /// Adds the thread's name to each record, or its number where it has none.
    ///
    /// ```
    /// let format = offloop::Format::json().with_thread();
    /// # drop(format);
    /// ```
    pub fn with_thread(mut self) -> Self {
        self.0.thread = true;
        self
    }

    /// Adds file and line of the macro to each record.
    ///
    /// ```
    /// let format = offloop::Format::json().with_location();
    /// # drop(format);
    /// ```
    pub fn with_location(mut self) -> Self {
        self.0.location = true;
        self
    }

    /// Adds the number of the process that wrote the line, so that processes which write to one
    /// file can be told apart. A forked child writes its own.
    ///
    /// ```
    /// let format = offloop::Format::json().with_process();
    /// # drop(format);
    /// ```
    pub fn with_process(mut self) -> Self {
        self.0.process = true;
        self
    }

    /// Numbers the lines, so that a reader can prove that none is missing between two.
    ///
    /// The numbers of a sink begin at 1 whenever the pipeline starts, in a forked child too, and
    /// grow by one with each line, the pipeline's own notices among them. A line that is written
    /// again after an error keeps its number. One that is given up on leaves a gap. Records that
    /// the sink's filter keeps away, or that find no room, are no lines and have no number. Where
    /// several processes write to one file, [`with_process`](Format::with_process) says whose number
    /// it is.
    ///
    /// ```
    /// let format = offloop::Format::json().with_sequence().with_process();
    /// # drop(format);
    /// ```
    pub fn with_sequence(mut self) -> Self {
        self.0.sequence = true;
        self
    }
}
