-- What the proof looks for: headings, and the runs of text between formulas and pictures, those of
-- tables apart. Typst sets cells of several rows last.

local tables = require 'tables'

-- A filter that adds the runs of text to a list.
local function runs_into(runs)
  local function begin() runs:insert('') end
  local function go_on(element) runs[#runs] = (runs[#runs] or '') .. element.text end
  local function blank() go_on({ text = ' ' }) end
  local function interrupt(element)
    begin()
    return element, false
  end
  return {
    traverse = 'topdown',
    Para = begin, Plain = begin, Header = begin, CodeBlock = function(e) begin() go_on(e) end,
    Str = go_on, Code = go_on, Space = blank, SoftBreak = blank, LineBreak = blank,
    Math = interrupt, Image = interrupt, Note = interrupt,
  }
end

-- Headings without formulas, pictures and notes: bookmarks hold them as they are written.
local function headings_of(document)
  local headings = pandoc.List()
  document:walk({
    Header = function(header)
      local plain = true
      local function is_special() plain = false end
      header:walk({ Math = is_special, Image = is_special, Note = is_special })
      if plain then headings:insert(pandoc.utils.stringify(header)) end
    end,
  })
  return headings
end

return function(document)
  local words, cells, spans = pandoc.List(), pandoc.List(), pandoc.List()
  local outside = runs_into(words)
  outside.Table = function(grid)
    pandoc.Blocks(grid.caption.long):walk(runs_into(words))
    for _, row in ipairs(tables.all_rows(grid)) do
      for _, cell in ipairs(row.cells) do
        pandoc.Blocks(cell.contents):walk(runs_into(cell.row_span > 1 and spans or cells))
      end
    end
    return grid, false
  end
  document:walk(outside)
  local notes = pandoc.List()
  document:walk({ Note = function(note) pandoc.Blocks(note.content):walk(runs_into(notes)) end })
  return { headings = headings_of(document), words = words, cells = cells, spans = spans, notes = notes }
end
