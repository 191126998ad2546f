#!/usr/bin/env bash
# Joins what the adapters' tests have seen (target/outcomes/*.tsv) into the table of README.md beside
# this file. With --check it changes nothing, and fails if the table is not what was seen.
set -euo pipefail
cd "$(dirname "$0")"

adapters=(offloop-tower offloop-actix-web offloop-poem offloop-salvo offloop-rocket)
seen="${CARGO_TARGET_DIR:-../target}/outcomes"

files=()
for adapter in "${adapters[@]}"; do
  files+=("$seen/$adapter.tsv")
  [ -e "$seen/$adapter.tsv" ] || { echo "$seen/$adapter.tsv is missing: run cargo test --workspace first" >&2; exit 1; }
done

# Cells are `outcome (phase)`, `outcome (phase): remark` or `not seen: reason`; remarks and reasons become
# notes, each written once.
table() {
  awk -F'\t' -v names="${adapters[*]}" '
    function cell(text,   parts, outcome) {
      split(text, parts, ": ")
      outcome = parts[1]
      if (outcome == "not seen") outcome = "–"
      else { if (!sub(/ \(/, "` (", outcome)) outcome = outcome "`"; outcome = "`" outcome }
      if (outcome == "–" || length(text) > length(parts[1])) outcome = outcome " [" noted(substr(text, length(parts[1]) + 3)) "]"
      return outcome
    }
    function noted(remark) {
      if (!(remark in number)) { number[remark] = ++notes; note[notes] = remark }
      return number[remark]
    }
    FNR == 1 { adapter++ }
    adapter == 1 { rows[++count] = $1 }
    { seen[adapter, $1] = $2 }
    END {
      columns = split(names, name, " ")
      printf "| what happens |"; for (c = 1; c <= columns; c++) printf " %s |", substr(name[c], 9); print ""
      printf "|---|"; for (c = 1; c <= columns; c++) printf "---|"; print ""
      for (r = 1; r <= count; r++) {
        printf "| %s |", rows[r]
        for (c = 1; c <= columns; c++) {
          if (seen[c, rows[r]] == "") { print "no " rows[r] " in " name[c] > "/dev/stderr"; exit 1 }
          printf " %s |", cell(seen[c, rows[r]])
        }
        print ""
      }
      print ""; for (n = 1; n <= notes; n++) print n ". " toupper(substr(note[n], 1, 1)) substr(note[n], 2) "."
    }' "${files[@]}"
}

# The table lies between two marks.
table="$(table)"
joined() {
  sed '/<!-- outcomes -->/q' README.md
  printf '\n%s\n\n' "$table"
  sed -n '/<!-- end of outcomes -->/,$p' README.md
}
joined="$(joined)"

if [ "${1:-}" != --check ]; then
  printf '%s\n' "$joined" > README.md
elif ! diff <(printf '%s\n' "$joined") README.md; then
  echo "integrations/README.md is not what the tests have seen: run integrations/outcomes.sh" >&2
  exit 1
fi
