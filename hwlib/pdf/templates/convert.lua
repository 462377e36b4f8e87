-- Turns pieces of Markdown and HTML into Typst markup, all in one process: pandoc lua convert.lua.
-- In, as JSON: a list of {format, text, formulas, is_first, is_output, caption}. Out, as JSON: the title, and a list of
-- {markup, pictures, headings, words, cells, spans, notes, tables, unset}, see hwlib/pdf/pandoc.py.
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
  document = document:walk(prose.raw):walk(prose.words):walk(levels):walk(layout.captions):walk(links.headings):walk(maths.headings)
  document = document:walk(pictures.filter(addresses)):walk(links.filter):walk(maths.filter):walk(layout.filter)
  document.blocks = prose.set_direction(document.blocks)
  result.markup, result.pictures = pandoc.write(document, 'typst-smart'), addresses -- quotes as written
  return result
end

local pieces = pandoc.List(pandoc.json.decode(io.read('a'), false))
local documents, results = pandoc.List(), pandoc.List()
for number, piece in ipairs(pieces) do documents[number], results[number] = prepare(piece) end
local title = layout.take_title(documents, pieces)
for number, document in ipairs(documents) do
  write(document, results[number])
  documents[number] = false -- for the next one's sake
end
print(pandoc.json.encode({ title = title, pieces = results }))
