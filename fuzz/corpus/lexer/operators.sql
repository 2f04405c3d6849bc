SELECT 'x'
  'y', N'z', 5!=-3, a::int4[1:2], x.y.*