-- Cross references, floats, layout and folded code, lowered to plain pandoc. Runs after callouts.lua and before
-- citeproc. Errors as in subset.lua.
local html = FORMAT:match 'html' ~= nil
local names = { fig = 'Figure', tbl = 'Table', eq = 'Equation', sec = 'Section' }
local counts, index, heads = { fig = 0, tbl = 0, eq = 0 }, {}, {}

local function stop(token, message, nth) error('@@' .. (nth or 1) .. '@@' .. token .. '@@' .. message .. '@@', 0) end
local function raw(text) return pandoc.RawBlock(html and 'html' or 'typst', text) end
local function rawi(text) return pandoc.RawInline(html and 'html' or 'typst', text) end
local inlines = pandoc.utils.blocks_to_inlines
local function kind(id) return id and id:match '^(%a+)%-' end
local function escape(text) return (text:gsub('&', '&amp;'):gsub('<', '&lt;'):gsub('>', '&gt;')) end

local function enter(id, text)
  if index[id] then stop('#' .. id, 'label ' .. id .. ' is defined twice', 2) end
  index[id] = { kind = kind(id), text = text }
end

local function number(id)
  local k = kind(id)
  counts[k] = counts[k] + 1
  enter(id, tostring(counts[k]))
  return counts[k]
end

local function caption(k, n, text)
  if #text == 0 then return { pandoc.Plain { pandoc.Strong { names[k] .. '\u{a0}' .. n } } } end
  local out = pandoc.Inlines { pandoc.Strong { names[k] .. '\u{a0}' .. n .. ':' }, pandoc.Space() }
  out:extend(text)
  return { pandoc.Plain(out) }
end

-- a captioned table: a figure whose body scrolls by itself in HTML, pandoc's own figure in typst
local function titled_table(table, id, n, text)
  if not html then
    table.identifier, table.caption.long = id, caption('tbl', n, text)
    return table
  end
  table.identifier, table.caption.long = '', {}
  return pandoc.Figure({ pandoc.Div({ table }, { '', { 'table-scroll' } }) }, { long = caption('tbl', n, text) },
    pandoc.Attr(id, { 'table' }))
end

local function grid(blocks, columns)
  local out = pandoc.Blocks {}
  if html then
    for _, block in ipairs(blocks) do out:insert(pandoc.Div { block }) end
    return pandoc.Blocks { pandoc.Div(out, { '', { 'layout' }, { style = '--columns: ' .. columns } }) }
  end
  out:insert(raw('#grid(columns: (1fr,) * ' .. columns .. ', gutter: 1em,'))
  for _, block in ipairs(blocks) do out:extend { raw '[', block, raw '],' } end
  out:insert(raw ')')
  return out
end

local function subfigures(blocks, parent, n)
  local seen = 0
  return pandoc.Blocks(blocks):walk { Figure = function(figure)
    seen = seen + 1
    local letter = string.char(96 + seen)
    if figure.identifier == '' then figure.identifier = parent .. '-' .. seen end
    enter(figure.identifier, n .. ' (' .. letter .. ')')
    local text = inlines(figure.caption.long)
    text:insert(1, pandoc.Str('(' .. letter .. ')\u{a0}'))
    figure.caption.long = { pandoc.Plain(text) }
    figure.classes:insert 'subfigure'
    return figure
  end }
end

-- ::: {#fig-x} or {#tbl-x}: the last paragraph is the caption, a cell's code stays outside
local function float(div)
  local k, id = kind(div.identifier), div.identifier
  local last = div.content:remove()
  if not last or last.t ~= 'Para' or #div.content == 0 then
    stop('#' .. id, id .. ' must hold something and end with its caption, a paragraph')
  end
  local before, body = pandoc.Blocks {}, pandoc.Blocks {}
  for _, block in ipairs(div.content) do
    local code = block.t == 'CodeBlock' and block.classes:includes 'cell-code'
    if code then before:insert(block) else body:insert(block) end
  end
  local n = number(id)
  if k == 'tbl' then
    local tables = pandoc.Blocks {}
    body:walk { Table = function(t) tables:insert(t) end }
    if #tables ~= 1 or #body ~= 1 then stop('#' .. id, id .. ' must hold one Markdown table and nothing else') end
    before:insert(titled_table(tables[1], id, n, last.content))
    return before
  end
  body = subfigures(body, id, n)
  local columns = div.attributes['layout-ncol']
  if columns then body = grid(body, columns) end
  before:insert(pandoc.Figure(body, { long = caption('fig', n, last.content) }, pandoc.Attr(id)))
  return before
end

local first, last = { traverse = 'topdown' }, {}

function first.Header(header)
  local numbered = not header.classes:includes 'unnumbered'
  if numbered then
    heads[header.level] = (heads[header.level] or 0) + 1
    for i = 1, header.level do heads[i] = heads[i] or 0 end
    for i = header.level + 1, 6 do heads[i] = 0 end
  end
  if kind(header.identifier) == 'sec' then
    enter(header.identifier, NUMBERED and numbered and table.concat(heads, '.', 1, header.level))
  end
end

function first.Div(div)
  if kind(div.identifier) == 'fig' or kind(div.identifier) == 'tbl' then return float(div), false end
end

function last.Div(div)
  if div.attributes['layout-ncol'] then return grid(div.content, div.attributes['layout-ncol']) end
end

function first.Figure(figure)
  if kind(figure.identifier) == 'fig' then
    local n = number(figure.identifier)
    figure.caption.long = caption('fig', n, inlines(figure.caption.long))
    return figure
  end
end

function first.Table(table)
  if kind(table.identifier) == 'tbl' then
    local id = table.identifier
    return titled_table(table, id, number(id), inlines(table.caption.long)), false
  end
  if html then return pandoc.Div({ table }, { '', { 'table-scroll' } }), false end
end

local function blank(el) return el and (el.t == 'Space' or el.t == 'SoftBreak') end

local function equation(math, id)
  local n = id and number(id)
  if html then
    local parts = { pandoc.Span({ math }, { '', { 'math-scroll' } }) }
    if n then parts[2] = pandoc.Span('(' .. n .. ')', { '', { 'eqno' } }) end
    return { pandoc.Span(parts, { id or '', { 'equation' } }) }
  end
  if not n then return { math } end
  local numbering = '#math.equation(block: true, numbering: _ => "(' .. n .. ')", [ '
  return { rawi(numbering), math, rawi(' ]) <' .. id .. '>') }
end

local function equations(block)
  local out, i, found = pandoc.Inlines {}, 1, false
  while i <= #block.content do
    local el = block.content[i]
    if el.t == 'Math' and el.mathtype == 'DisplayMath' then
      local after = i + 1
      while blank(block.content[after]) do after = after + 1 end
      local label = block.content[after]
      local id = label and label.t == 'Str' and label.text:match '^{#(eq%-[^}]+)}$' or nil
      out:extend(equation(el, id))
      i, found = id and after or i, true
    else
      out:insert(el)
    end
    i = i + 1
  end
  if found then
    block.content = out
    return block
  end
end
first.Para, first.Plain = equations, equations

function last.CodeBlock(code)
  if not code.classes:includes 'cell-code' then return end
  local fold, summary = code.attributes['code-fold'], code.attributes['code-summary']
  code.attributes = {}
  if not html then code.classes = { 'python' } end
  if not fold then return code end
  local open = fold == 'show' and '<details class="code-fold" open>' or '<details class="code-fold">'
  return { raw(open .. '<summary>' .. escape(summary) .. '</summary>'), code, raw '</details>' }
end

function last.Image(image)
  image.attributes.alt, image.attributes['fig-alt'] = image.attributes['fig-alt'], nil
  if not html and pandoc.path.is_relative(image.src) then
    image.src = pandoc.path.join { pandoc.system.get_working_directory(), image.src }
  end
  return image
end

function last.Cite(cite)
  local out, own = pandoc.Inlines {}, 0
  for i, citation in ipairs(cite.citations) do
    local id = citation.id
    if names[kind(id)] then
      own = own + 1
      local entry = index[id] or stop('@' .. id, 'unresolved cross reference @' .. id)
      if not entry.text then stop('@' .. id, 'the section of @' .. id .. ' has no number') end
      local ref = pandoc.Inlines {}
      if i > 1 then out:extend { ', ' } end
      if #citation.prefix > 0 then
        ref:extend(citation.prefix)
        ref:insert '\u{a0}'
      elseif citation.mode ~= 'SuppressAuthor' then
        ref:insert(names[entry.kind] .. '\u{a0}')
      end
      ref:insert(entry.text)
      out:insert(pandoc.Link(ref, '#' .. id, '', { '', { 'xref' } }))
      out:extend(citation.suffix)
    end
  end
  if own > 0 and own < #cite.citations then
    stop('@' .. cite.citations[1].id, 'one [...] mixes citations and cross references')
  end
  if own > 0 then return out end
end

function last.Str(str)
  if str.text:match '^{[#.=]' or str.text:match '^:::' or str.text:match '^#|' then
    stop(str.text, 'stray ' .. str.text .. ': it is attached to nothing')
  end
end

-- an image with a label and no caption is a figure too
local function labelled(para)
  local image = para.content[1]
  if #para.content == 1 and image.t == 'Image' and kind(image.identifier) == 'fig' then
    local id = image.identifier
    image.identifier = ''
    return pandoc.Figure({ pandoc.Plain { image } }, { long = {} }, pandoc.Attr(id))
  end
end

local function targets(doc)
  local known = {}
  for id in pairs(index) do known[id] = true end
  local function see(el) if el.identifier and el.identifier ~= '' then known[el.identifier] = true end end
  doc:walk { Block = see, Inline = see }
  doc:walk { Link = function(link)
    local id = link.target:match '^#(.+)$'
    if id and not known[id] then stop('#' .. id, 'link to #' .. id .. ', which does not exist') end
  end }
end

function Pandoc(doc)
  NUMBERED = doc.meta['number-sections'] == true
  doc = doc:walk({ Para = labelled }):walk(first):walk(last) -- `first` numbers, in the order of the document
  local abstract = doc.meta.abstract
  if pandoc.utils.type(abstract) == 'Inlines' then abstract = pandoc.Blocks { pandoc.Para(abstract) } end
  doc.meta.abstract = abstract and pandoc.MetaBlocks(abstract:walk(last))
  targets(doc)
  return doc
end
