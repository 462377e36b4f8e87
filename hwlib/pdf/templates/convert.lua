-- Turns pieces of Markdown and HTML into Typst markup, all in one process: pandoc lua convert.lua.
-- In, as JSON: a list of {format, text, formulas}. Out, as JSON: a list of {markup, pictures, headings, words,
-- cells, spans, notes, unset}, see hwlib/pdf/pandoc.py.
-- No text can become Typst code: raw Typst is shown as text, and pandoc escapes the rest.

package.path = pandoc.path.join({ pandoc.path.directory(arg[0]), '?.lua' })
local reading = require 'reading'
local collect = require 'collect'
local maths = require 'maths'
local prose = require 'prose'
local styles = require 'styles'
local tables = require 'tables'

local function convert(piece)
  local pictures = pandoc.List()
  local document, unset = maths.restore(reading.read(piece), piece.formulas)
  document = document:walk(tables.prepare(styles.read(piece.text)))
  local result = collect(document)
  document = document:walk(prose.plain):walk(prose.with_pictures(pictures)):walk(maths.filter)
  document.blocks = prose.set_direction(document.blocks)
  result.markup = pandoc.write(document, 'typst-smart') -- quotes as written
  result.pictures, result.unset = pictures, unset
  return result
end

local pieces = pandoc.json.decode(io.read('a'), false)
print(pandoc.json.encode(pandoc.List(pieces):map(convert)))
