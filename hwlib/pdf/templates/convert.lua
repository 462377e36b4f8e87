-- Turns pieces of Markdown and HTML into Typst markup, all in one process: pandoc lua convert.lua.
-- In, as JSON: a list of {format, text, formulas, is_first, is_output, caption}. Out, as JSON: the title's words, its
-- heading with the number of its piece, and a list of pieces, {markup, pictures, headings, words, cells, spans, notes,
-- tables, unset}, see hwlib/pdf/pandoc.py.
-- No text can become Typst code: raw Typst is shown as text, and pandoc escapes the rest.

package.path = pandoc.path.join({ pandoc.path.directory(arg[0]), '?.lua' })
local reading = require 'reading'
local collect = require 'collect'
local layout = require 'layout'
local links = require 'links'
local maths = require 'maths'
local pictures = require 'pictures'
local prose = require 'prose'
local styles = require 'styles'
local tables = require 'tables'

local levels = layout.levels()

local function prepare(piece)
  local document, unset = maths.restore(reading.read(piece), piece.formulas)
  local number_of_tables = tables.count(document)
  document = document:walk(tables.prepare(styles.read(piece.text), piece.caption))
  return document, { tables = number_of_tables, unset = unset }
end

local function write(document, result)
  local addresses = pandoc.List()
  for name, pieces_of_text in pairs(collect(document)) do result[name] = pieces_of_text end
  document.blocks = layout.keep_introductions(document.blocks)
  -- Words become raw text last, because headings and captions are known by theirs.
  document = document:walk(prose.raw):walk(levels):walk(layout.captions):walk(links.headings)
  document = document:walk(prose.words):walk(maths.headings)
  document = document:walk(pictures.filter(addresses)):walk(links.filter):walk(maths.filter):walk(layout.filter)
  document = document:walk(prose.first_words)
  document.blocks = prose.set_direction(document.blocks)
  result.markup, result.pictures = pandoc.write(document, 'typst-smart'), addresses -- quotes as written
  return result
end

-- The title as a piece of its own; a formula is set where it stands, in the title or in its text.
local function write_title(title, number_of_formulas, text)
  local inside = maths.numbers_in(title.heading)
  if title.is_taken then text.unset:extend(inside) end
  local unset = pandoc.List()
  for number = 0, number_of_formulas - 1 do
    if not inside:includes(number) then unset:insert(number) end
  end
  local result = write(pandoc.Pandoc({ title.heading }), { tables = 0, unset = unset })
  result.headings = pandoc.List() -- it is no bookmark
  return result
end

local pieces = pandoc.List(pandoc.json.decode(io.read('a'), false))
local documents, results = pandoc.List(), pandoc.List()
for number, piece in ipairs(pieces) do documents[number], results[number] = prepare(piece) end
local title = layout.take_title(documents, pieces)
local answer = { title = title and title.words or '', pieces = results }
if title then
  answer.heading = write_title(title, #pieces[title.piece].formulas, results[title.piece])
  answer.heading_piece = title.piece - 1
end
for number, document in ipairs(documents) do
  write(document, results[number])
  documents[number] = false -- for the next one's sake
end
print(pandoc.json.encode(answer))
