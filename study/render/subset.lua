-- Stops the render at anything outside the common subset of Quarto's Markdown: what plain pandoc would let pass
-- would look one way here and another in Quarto. A message is @@n@@token@@text@@: the n-th place of `token` in the
-- source is where the reason is.
local function outside(token, what) error('@@1@@' .. token .. '@@outside the common subset: ' .. what .. '@@', 0) end

local function set(...)
  local out = {}
  for _, name in ipairs { ... } do out[name] = true end
  return out
end

local callouts = set('callout-note', 'callout-tip', 'callout-warning', 'callout-important', 'callout-caution')
local conditional = set('content-visible', 'content-hidden')

local function attribute(el) -- the name of any one
  for key in pairs(el.attributes) do return key end
end

local function attributes(el, what, known)
  for key, value in pairs(el.attributes) do
    if not known[key] then outside(key .. '=', what .. ' attribute ' .. key) end
    if type(known[key]) == 'string' and not value:match(known[key]) then outside(key .. '=', key .. '="' .. value .. '"') end
  end
end

local function classes(el, what, known)
  for _, class in ipairs(el.classes) do
    if not known[class] then outside('.' .. class, what .. ' .' .. class) end
  end
end

local function identifier(el, known)
  local prefix = el.identifier:match '^(%l+)%-'
  local labels = set('fig', 'tbl', 'eq', 'sec', 'lst', 'thm', 'lem', 'cor', 'prp', 'cnj', 'def', 'exm', 'exr', 'rem', 'sol',
    'alg', 'vid', 'dia', 'prf', 'nte', 'tip', 'wrn', 'imp', 'cau')
  if labels[prefix] and not known[prefix] then outside('#' .. el.identifier, 'label ' .. el.identifier .. ' here') end
end

local filter = { traverse = 'topdown' }

function filter.Div(div)
  local class = div.classes[1]
  classes(div, 'div', { ['callout-note'] = true, ['callout-tip'] = true, ['callout-warning'] = true,
    ['callout-important'] = true, ['callout-caution'] = true, ['content-visible'] = true, ['content-hidden'] = true })
  if #div.classes > 1 then outside('.' .. div.classes[2], 'div .' .. div.classes[1] .. ' .' .. div.classes[2]) end
  if callouts[class] then
    identifier(div, {})
    attributes(div, 'callout', { title = true, collapse = '^%l+$' })
  elseif conditional[class] then
    attributes(div, 'div', { ['when-format'] = '^html$', ['unless-format'] = '^html$' })
    local when, unless = div.attributes['when-format'], div.attributes['unless-format']
    if (when == nil) == (unless == nil) then outside('.' .. class, class .. ' without when-format="html"') end
  else
    identifier(div, set('fig', 'tbl'))
    attributes(div, 'div', { ['layout-ncol'] = '^[1-9]$' })
    local label = div.identifier:match '^fig%-' or div.identifier:match '^tbl%-'
    if div.identifier ~= '' and div.identifier ~= 'refs' and not label then
      outside('#' .. div.identifier, 'div #' .. div.identifier)
    end
  end
end

function filter.Header(header)
  local token = header.identifier:match '^%l+%-' and '#' .. header.identifier or pandoc.utils.stringify(header)
  classes(header, 'heading', set('unnumbered', 'unlisted'))
  for key in pairs(header.attributes) do outside(token, 'heading attribute ' .. key) end
  identifier(header, set('sec'))
end

function filter.Span(span)
  if span.identifier ~= '' or #span.classes > 0 then
    local token = #span.classes > 0 and '.' .. span.classes[1] or '#' .. span.identifier
    outside(token, 'a span with attributes ' .. token)
  end
end

function filter.Link(link)
  classes(link, 'link', set('uri', 'email'))
  attributes(link, 'link', {})
end

function filter.Image(image)
  classes(image, 'image', {})
  attributes(image, 'image', set('width', 'height', 'fig-alt'))
  identifier(image, set('fig'))
  if image.src:match '^%a+:' or image.src:match '^//' then outside(image.src, 'an image from elsewhere') end
  local file = io.open(image.src:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end), 'rb')
  if not file then error('@@1@@' .. image.src .. '@@image not found: ' .. image.src .. '@@', 0) end
  file:close()
  if not (image.attributes['fig-alt'] or ''):match '%S' then
    error('@@1@@' .. image.src .. '@@image without alternative text: add {fig-alt="..."}@@', 0)
  end
end

function filter.Table(table)
  classes(table, 'table', {})
  attributes(table, 'table', {})
  identifier(table, set('tbl'))
end

function filter.CodeBlock(code)
  local cell = code.classes:includes 'cell-code' or code.classes:includes 'cell-output'
  local line = code.text:match '[^\n]*'
  if not cell and attribute(code) then outside(attribute(code) .. '=', 'code block attribute ' .. attribute(code)) end
  if not cell and (#code.classes > 1 or code.identifier ~= '') then outside(line, 'a code block with several attributes') end
  if not cell and code.text:match '```{%l' then outside(line, 'a code cell inside a code block') end
end

function filter.Code(code)
  if code.text:match '^{=?%a+}' then outside(code.text, 'not executed: `' .. code.text .. '`') end
  if attribute(code) or #code.classes > 0 then outside(code.text, 'inline code with attributes') end
end

local function raw(el)
  local comment = el.format == 'html' and el.text:match '^%s*<!%-%-.*%-%->%s*$'
  if el.format ~= 'study-html' and not comment then
    local line = el.text:match '[^\n]*'
    local what = el.format == 'html' and 'raw HTML (print it from a cell with `output: asis`)' or 'raw ' .. el.format
    outside(line, what .. ': ' .. line)
  end
end
filter.RawBlock, filter.RawInline = raw, raw

function Pandoc(doc)
  doc:walk(filter)
  for _, key in ipairs { 'title', 'subtitle', 'abstract' } do
    local value = doc.meta[key]
    if pandoc.utils.type(value) == 'Blocks' or pandoc.utils.type(value) == 'Inlines' then value:walk(filter) end
  end
end
