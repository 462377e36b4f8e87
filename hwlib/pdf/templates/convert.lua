-- Turns pieces of Markdown and HTML into Typst markup, all in one process: pandoc lua convert.lua.
-- In, as JSON: a list of {format, text, formulas, is_first, caption}. Out, as JSON: a list of {markup, title, pictures,
-- headings, words, cells, spans, notes, unset}, see hwlib/pdf/pandoc.py.
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

local function convert(piece)
  local addresses = pandoc.List()
  local document, unset = maths.restore(reading.read(piece), piece.formulas)
  local number_of_tables = tables.count(document)
  document = document:walk(tables.prepare(styles.read(piece.text), piece.caption))
  local title = layout.find_title(document, piece.formulas, piece.is_first)
  local result = collect(document)
  document = document:walk(prose.raw):walk(prose.words):walk(levels):walk(layout.captions):walk(links.headings)
  document = document:walk(pictures.filter(addresses)):walk(links.filter):walk(maths.filter):walk(layout.filter)
  document.blocks = prose.set_direction(document.blocks)
  result.markup = pandoc.write(document, 'typst-smart') -- quotes as written
  result.title, result.tables, result.pictures, result.unset = title, number_of_tables, addresses, unset
  return result
end

local pieces = pandoc.json.decode(io.read('a'), false)
print(pandoc.json.encode(pandoc.List(pieces):map(convert)))
